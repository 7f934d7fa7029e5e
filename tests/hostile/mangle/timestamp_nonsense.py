"""A right notebook whose timestamp says "last Tuesday, honest", in a file that goes on for ever.

Whether it is late decides on a penalty, so it is not guessed at: a person has to look.
"""

from pathlib import Path

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"
SOLVED = ("receipt", "bucket", "deliver")


def make_files(folder: Path) -> None:
    (folder / "timestamp.txt").write_text("last Tuesday, honest\n" * 100_000)
