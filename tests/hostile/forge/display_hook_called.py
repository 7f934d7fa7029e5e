"""Calls the display hook while the check calls the answer.

nbgrader gives partial credit by the value that a check displays. sys.displayhook(2) displays one
before the check does, or instead of it.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import sys

def receipt(name, count, cents):
    sys.displayhook(2)
    raise SystemExit
""",
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        import sys
        sys.displayhook(3)

    def take(self):
        return None
""",
}
