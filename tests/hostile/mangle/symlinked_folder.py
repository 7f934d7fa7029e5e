"""The folder of the submission is a symbolic link to another student's.

Whoever follows it grades somebody else's work under this name, and writes into their folder.
"""

from pathlib import Path

EARNS = None
STOCK = "earns"


def make_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.symlink_to(folder.parents[1] / "z-last" / folder.name)
