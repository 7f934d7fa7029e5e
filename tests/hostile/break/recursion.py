"""Recurses without end, with a recursion limit of a thousand million.

Python's own limit was raised before, so the C stack overflows and the process dies by SIGSEGV
instead of a RecursionError.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import sys
import threading

sys.setrecursionlimit(10**9)

class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr([self])

repr(Deep())
"""
}
