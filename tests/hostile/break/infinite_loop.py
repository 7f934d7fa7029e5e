"""Loops for ever in the second exercise.

nbgrader waits for its timeout, then gives up on the whole notebook, and the first exercise's
points are lost with it.
"""

EARNS = 4
STOCK = "nbgrader interrupts the cell after its time, too"
SOLVED = ("receipt",)
CELLS = {"bucket": "while True:\n    pass"}
