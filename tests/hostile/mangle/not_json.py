"""A file that is no JSON at all, but an HTML page that a student saved by mistake.

It cannot be graded, which is no zero: a person has to ask for the right file. The batch goes on.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    return b"<!doctype html><script>alert(1)</script>" + notebook[:100]
