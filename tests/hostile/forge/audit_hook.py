"""An audit hook of the student's sees the code of every cell before it runs.

Each exec raises an event with the code object. The hook notes its constants, among them the
expected values of the hidden tests.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import sys

constants = set()

def hook(event, arguments):
    if event == "exec":
        constants.update(c for c in arguments[0].co_consts if type(c) is str)

sys.addaudithook(hook)

def receipt(name, count, cents):
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in set(constants) if c.startswith(f"{name} x {count} =")), known)
"""
}
