"""JSON that is no notebook: a list, where an object with cells should be.

Code that takes cells out of it raises something else than a JSON error. It is reported as not
graded, and others are graded.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    return b'[["cells", 1], null, "nbformat", 4]'
