"""Reads what other students have handed in, and prints it.

submitted/ is next to the student's own folder, for the instructor's eyes. Their graded copies
are in autograded/.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import pathlib

here = pathlib.Path.cwd()
for top in (pathlib.Path("@COURSE@"), here, *here.parents):
    for folder in ("submitted", "autograded", "feedback"):
        for path in top.glob(f"{folder}/*/*/*.*"):
            print(path, path.read_text()[:100_000])
"""
}
