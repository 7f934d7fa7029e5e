"""Raises the referee's own audit event from the student's cell.

The design says that the run's main loop asks for its next cell by sys.audit("onsite.turn", box).
Anybody can raise that event: it may hand over the next check's code, or run it out of turn.
"""

EARNS = 0
STOCK = "no such event exists in nbgrader's kernel"
CELLS = {
    "receipt": """
import sys

boxes = []

def turn():
    for name in ("onsite.turn", "onsite.witness", "onsite.check", "onsite.done"):
        for box in ([], {}, [None], ["done"]):
            try:
                sys.audit(name, box)
                boxes.append((name, box))
            except BaseException as error:
                boxes.append((name, repr(error)))

turn()
print(boxes)

def receipt(name, count, cents):
    return None
"""
}
