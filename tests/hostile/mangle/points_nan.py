"""A notebook in which the points of every check are NaN, Infinity, and minus one.

Sums with NaN are NaN, for the student and for the class's mean. Points come from source/, so the
right answers earn what they are worth.
"""

import re

EARNS = 10
STOCK = "nbgrader overwrites points from its gradebook"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    values = [b"NaN", b"Infinity", b"-1", b"1e999"]
    return re.sub(rb'"points": \d', lambda _: b'"points": ' + values.pop(), notebook, count=4)
