"""Ends the interpreter in the second exercise by os._exit.

The kernel dies. nbgrader gives up on the whole notebook, so the points of the first exercise
are lost, and a grader that runs in the same process dies with it.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {"bucket": "import os\n\nos._exit(0)"}
