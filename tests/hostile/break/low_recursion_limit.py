"""Sets the recursion limit so low that the grader's own code cannot run.

Whatever runs in this process after the cell raises RecursionError, also what decides and what
reports. That must not look like a passed check, and the first exercise's points stay.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import sys

for limit in range(200, 10, -1):
    try:
        sys.setrecursionlimit(limit)
    except RecursionError:
        break
"""
}
