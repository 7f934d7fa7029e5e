"""A notebook with a hundred thousand lists within each other in its metadata.

A recursive parser runs out of stack, in Python with a RecursionError and in C by a crash. It is
reported as not graded.
"""

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    deep = b"[" * 100_000 + b"]" * 100_000
    return notebook.replace(b'"metadata": {', b'"metadata": {"deep": ' + deep + b", ", 1)
