"""A notebook that ends in the middle, as an interrupted upload leaves it.

It cannot be graded, which is no zero, and says so. Others are graded.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    return notebook[: len(notebook) // 2]
