"""An object that equals everything.

The check asks the answer whether it is right: `got == expected` calls the student's own __eq__.
The partial credit of the second check is a sum of such comparisons.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

def receipt(name, count, cents):
    return Anything()
"""
}
