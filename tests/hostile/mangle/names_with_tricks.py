"""A right notebook among files whose names are tricks.

Line breaks, a leading dash, a percent sign, markup, two dots, bytes that are no UTF-8, and 255
characters: each of them has broken a script that copies or lists files.
"""

import os
from pathlib import Path

EARNS = 10
REPORTED = False
STOCK = "it is solved, and nbgrader copies odd names without trouble"
SOLVED = ("receipt", "bucket", "deliver")


def make_files(folder: Path) -> None:
    for name in (
        b"-rf",
        b"a\nb.ipynb",
        b"%s%n.ipynb",
        b"<script>.ipynb",
        b"..ipynb",
        b"\xff\xfe.txt",
        b"x" * 255,
        b"shop.ipynb.",
        b" shop.ipynb",
        b"SHOP.IPYNB",
    ):
        path = os.fsencode(folder) + b"/" + name
        with open(path, "wb") as file:  # noqa: PTH123 - the names are bytes
            file.write(b"{}")
    (folder / "sub").mkdir()
    (folder / "sub" / "shop.ipynb").write_text("{}")
