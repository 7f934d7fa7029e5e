"""Changes nbgrader's configuration of the course, and the instructor's notebooks.

nbgrader_config.py is Python, read by every command that follows. A changed source/ changes what
everybody is graded by.
"""

EARNS = 0
STOCK = "disturbs"
CELLS = {
    "receipt": """
import pathlib

for name in ("nbgrader_config.py", "source/01-target/shop.ipynb", "release/01-target/shop.ipynb",
             "notebooks/01-target/shop.md", "hostile.py"):
    try:
        with open(pathlib.Path("@COURSE@", name), "a") as file:
            file.write("\\n# hostile\\n")
    except OSError as error:
        print(error)
"""
}
