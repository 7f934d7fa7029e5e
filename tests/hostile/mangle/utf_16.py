"""A notebook in UTF-16, as some editors save it.

JSON is UTF-8. What cannot be read that way is reported as not graded, and never a zero.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    return notebook.decode().encode("utf-16")
