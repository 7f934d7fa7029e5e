"""Raises the referee's audit event from inside a check.

The referee is on the stack, running the check that calls this answer. Asked for the next turn it
may take the next message, finish the check as passed, or run the next check within this one.
"""

EARNS = 0
STOCK = "no such event exists in nbgrader's kernel"
CELLS = {
    "receipt": """
import sys

def receipt(name, count, cents):
    box = []
    try:
        sys.audit("onsite.turn", box)
    except Exception:
        pass
    return box[0] if box else None
"""
}
