"""An answer whose comparison, repr, length and hash never end.

The grader asks the object for them while it decides, where no limit of a cell may hold: it
encodes the value, or shows it in a message.
"""

EARNS = 6
STOCK = "loses"
SOLVED = ("bucket", "deliver")
CELLS = {
    "receipt": """
import time

class Slow(str):
    def wait(self, *_):
        while True:
            time.sleep(1)

    __eq__ = __ne__ = __repr__ = __str__ = __format__ = __hash__ = __iter__ = __len__ = wait
    __reduce_ex__ = wait

def receipt(name, count, cents):
    return Slow()
"""
}
