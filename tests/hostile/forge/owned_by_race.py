"""A thread binds the helpers' names to its own class while the instructor's cell runs.

A class that an instructor's cell has bound is trusted to compare itself. If it is the name that
is looked up when the cell has ended, it may be somebody else's class by then.
"""

EARNS = 0
STOCK = "earns"
FIRST = """
import sys
import threading
import time

class Liar:
    def __init__(self, *_, **more):
        pass

    def __call__(self, *_):
        return 0.0

    def __eq__(self, other):
        return True

    __hash__ = None

names = globals()

def bind():
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        names["Clock"] = Liar

sys.setswitchinterval(1e-6)
threading.Thread(target=bind, daemon=True).start()
time.sleep(0.05)
"""
CELLS = {
    "receipt": """
def receipt(name, count, cents):
    return Liar()
"""
}
