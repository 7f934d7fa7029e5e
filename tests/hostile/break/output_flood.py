"""Prints without end.

nbgrader keeps all of it in the notebook: 96 MB were measured. The grader must count while it
reads, stop the cell, and go on.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {"bucket": "while True:\n    print('x' * 10_000)"}
