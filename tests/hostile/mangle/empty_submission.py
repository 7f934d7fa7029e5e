"""A folder without a notebook, only a time.

The student handed in nothing that can be read as the assignment. It earns nothing, as a missing
notebook does in nbgrader.
"""

from pathlib import Path

EARNS = 0
STOCK = "nbgrader grades nothing there either"


def make_files(folder: Path) -> None:
    (folder / "shop.ipynb").unlink()
