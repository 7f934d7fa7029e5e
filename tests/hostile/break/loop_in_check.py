"""Loops for ever when it is called by the check.

The time is used up inside the instructor's cell, not the student's. The points of the other
exercises must stay, also of the one that comes after it.
"""

EARNS = 7
STOCK = "nbgrader interrupts the cell after its time, too"
SOLVED = ("receipt", "deliver")
CELLS = {
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        pass

    def take(self):
        while True:
            pass
"""
}
