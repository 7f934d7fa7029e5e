"""A notebook whose version numbers are texts and lists, and whose metadata is a number.

Comparing them raises TypeError where nobody expects it. It is reported as not graded.
"""

import json

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    wrong = {"nbformat": ["4"], "nbformat_minor": {"x": 1}, "metadata": 7}
    return json.dumps({**json.loads(notebook), **wrong}).encode()
