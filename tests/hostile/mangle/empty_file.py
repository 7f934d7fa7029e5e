"""A file of no bytes, as a full disk leaves it.

It cannot be graded, which is no zero, and says so. Others are graded.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    return b""
