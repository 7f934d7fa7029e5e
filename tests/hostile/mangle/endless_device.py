"""Instead of a notebook, a symbolic link to /dev/zero.

Its size is zero and it never ends, so that a check of the size lets it through and reading it
takes all the memory.
"""

from pathlib import Path

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make_files(folder: Path) -> None:
    path = folder / "shop.ipynb"
    path.unlink()
    path.symlink_to("/dev/zero")
