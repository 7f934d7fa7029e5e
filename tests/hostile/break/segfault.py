"""Reads from address zero through ctypes.

The process dies by SIGSEGV in the middle of a cell, and takes everything with it that was not
yet sent to the grader.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {"bucket": "import ctypes\n\nctypes.string_at(0)"}
