"""A class made at run time whose __eq__ is a C function.

type() with a dictionary leaves no source; `__eq__` is operator.truth bound over a partial, no
function of the student's. What counts is whose class it is, not who wrote the function.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import functools

Yes = type("str", (), {"__eq__": functools.partialmethod(lambda *a: True), "__hash__": None})

def receipt(name, count, cents):
    return Yes()
"""
}
