"""A weak reference's proxy of an object that equals everything.

The type is the interpreter's own weakproxy, which has a comparison and forwards it to the object
behind it. Who looks at the type sees nothing of the student's.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import weakref

class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

kept = Anything()

def receipt(name, count, cents):
    return weakref.proxy(kept)
"""
}
