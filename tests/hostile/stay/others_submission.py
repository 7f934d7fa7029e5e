"""Overwrites what other students have handed in, before they are graded.

Whoever comes later in the alphabet is graded for an empty file. Their graded copies are
overwritten as well.
"""

EARNS = 0
STOCK = "disturbs"
CELLS = {
    "receipt": """
import pathlib

for folder in ("submitted", "autograded"):
    for path in pathlib.Path("@COURSE@").glob(f"{folder}/*/*/*.ipynb"):
        try:
            path.write_text("{}")
        except OSError as error:
            print(error)
"""
}
