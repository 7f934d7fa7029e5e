"""Objects of the interpreter's own types that compare by asking what they hold.

Bound methods compare their __self__ by identity since 3.8, but slices, ranges, generic aliases,
unions and partial views of a dictionary still ask. One of them is returned each time.
"""

EARNS = 0
STOCK = "they are equal to their own kind only, which the checks do not ask for"
CELLS = {
    "receipt": """
import functools
import types

class Anything:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

def answers():
    while True:
        yield slice(Anything())
        yield {1: Anything()}.values()
        yield {Anything(): 1}.keys()
        yield types.GenericAlias(list, (Anything(),))
        yield functools.partial(Anything())
        yield types.SimpleNamespace(x=Anything())

turn = answers()

def receipt(name, count, cents):
    return next(turn)
"""
}
