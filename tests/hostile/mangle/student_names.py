"""Folders in submitted/ whose names are no student's: a dash in front, a line break, markup.

They become paths, keys of the gradebook, and arguments of commands. One such folder must not keep
the others from being graded, and is named in the report.
"""

from pathlib import Path

EARNS = 10
STOCK = "nbgrader grades them like others"
SOLVED = ("receipt", "bucket", "deliver")


def make_files(folder: Path) -> None:
    for name in ("-rf", "x\ny", "<b>", "a b", "%s", "~root"):
        odd = folder.parents[1] / name / folder.name
        odd.mkdir(parents=True)
        (odd / "shop.ipynb").write_bytes((folder / "shop.ipynb").read_bytes())
