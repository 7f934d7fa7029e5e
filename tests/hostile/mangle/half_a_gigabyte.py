"""A file of 500 MB.

Reading it takes the grader's memory, parsing it ten times as much. The size is seen before
anything is read. The file is sparse, which takes no room here.
"""

from pathlib import Path

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make_files(folder: Path) -> None:
    with (folder / "shop.ipynb").open("r+b") as file:
        file.truncate(500 << 20)
