"""Replaces the display hook, so that whatever a check computes shows as full points.

The second check of the first exercise ends in a number, which is its partial credit. The hook
that turns it into an output is the student's.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import sys

shell = get_ipython()
real = type(shell.displayhook).compute_format_data

def compute(self, result):
    return real(self, 2 if isinstance(result, int) else result)

type(shell.displayhook).compute_format_data = compute

def receipt(name, count, cents):
    return None
"""
}
