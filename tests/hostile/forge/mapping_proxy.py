"""A types.MappingProxyType of a dictionary that equals everything.

The proxy is the interpreter's own type and hands comparisons on to what it stands for, as
weakref.proxy does.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import types

class Anything(dict):
    def __eq__(self, other):
        return True

    __hash__ = None

def receipt(name, count, cents):
    return types.MappingProxyType(Anything())
"""
}
