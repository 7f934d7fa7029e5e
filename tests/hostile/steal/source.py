"""Reads the instructor's notebook from source/ and prints it.

nbgrader's kernel works inside the course's folder and with the instructor's rights. The solutions
and all hidden tests are three folders up.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import pathlib

here = pathlib.Path.cwd()
for top in (pathlib.Path("@COURSE@"), here, *here.parents):
    for folder in ("source", "notebooks"):
        for path in top.glob(f"{folder}/*/*.*"):
            print(path, path.read_text())
"""
}
