"""Runs a generator on top of the referee, and looks back at it from there.

The frame of a generator, once got, shows who has resumed it. What resumes it is the end of an
object to which nothing refers any more when a patched function is put back.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import math

class Liar:
    def __init__(self, *_):
        self.first = True

    def __eq__(self, other):
        first, self.first = self.first, False
        return first

    __hash__ = None

def receipt(name, count, cents):
    return Liar()

def look():
    while True:
        frame = FRAME
        while frame is not None:
            referee = frame.f_locals.get("self")
            if hasattr(referee, "_owners"):
                referee._owners._classes[id(Liar)] = Liar
            frame = frame.f_back
        yield

looking = look()
FRAME = looking.gi_frame

class Last:
    def __call__(self, *_):
        return True

    def __del__(self):
        next(looking)

math.floor = math.isclose = math.sqrt = Last()
"""
}
