"""A liar that passes itself off as a class of the library, and as one of the instructor's.

Its module and name are decimal.Decimal's; another one is really stored in the module under its
name, where a search by name finds it; a third is called like the check's own helper.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import datetime
import decimal

def liar(name, module):
    made = type(name, (), {"__eq__": lambda self, other: True, "__hash__": None})
    made.__module__, made.__qualname__ = module, name
    return made

Posing = liar("Decimal", "decimal")
Stored = liar("Stored", "datetime")
datetime.Stored = Stored
Helper = liar("Clock", "__main__")
turn = iter([Posing, Stored, Helper] * 9)

def receipt(name, count, cents):
    return next(turn)()
"""
}
