"""A notebook with an integer of a million digits, and the points NaN and Infinity.

Python refuses to read such a number by ValueError, and other readers take minutes for it. NaN is
no JSON, but Python's reader takes it.
"""

import re

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    text = re.sub(rb'"points": \d', b'"points": NaN', notebook)
    return text.replace(b'"nbformat_minor": 5', b'"nbformat_minor": ' + b"9" * 1_000_000)
