"""Asks the course's own tools for the solution.

The package that learners use has magics that show solutions, and functions that read the course.
It is installed where submissions are graded.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import pathlib

for line in ("solution receipt", "check receipt", "hint receipt"):
    try:
        name, _, rest = line.partition(" ")
        get_ipython().run_line_magic(name, rest)
    except BaseException as error:
        print(error)

try:
    from onsite.course.layout import Layout, find_layout
    from onsite.course.reader import read_course

    for layout in (Layout(pathlib.Path("@COURSE@")), find_layout()):
        for topic in read_course(layout).topics:
            print(topic.path.read_text())
except BaseException as error:
    print(error)
"""
}
