"""Keeps the interpreter busy in one call that does not look at signals.

A regular expression with catastrophic backtracking, and a power of huge numbers, run for years
inside C code. No interrupt is noticed before they end.
"""

EARNS = 4
STOCK = "nbgrader interrupts the cell after its time, too"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import re

re.match(r"(a|aa)+$", "a" * 200 + "b")
10 ** 10 ** 10
"""
}
