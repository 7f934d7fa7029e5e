"""A notebook that says that its format is version 99.

No program knows that format. It is not guessed at, but reported as not graded.
"""

import json

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    return json.dumps({**json.loads(notebook), "nbformat": 99}).encode()
