"""Instead of a notebook, a symbolic link to the instructor's own.

Whoever follows it grades the model solution, or prints it into the feedback. Only regular files
count.
"""

from pathlib import Path

EARNS = None
STOCK = "earns"


def make_files(folder: Path) -> None:
    path = folder / "shop.ipynb"
    path.unlink()
    path.symlink_to(folder.parents[2] / "source" / "01-target" / "shop.ipynb")
