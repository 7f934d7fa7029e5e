"""Instead of a notebook, a folder of that name, with a notebook in it.

Unpacked archives look like that. It cannot be graded, which is no zero.
"""

from pathlib import Path

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make_files(folder: Path) -> None:
    path = folder / "shop.ipynb"
    data = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "shop.ipynb").write_bytes(data)
