"""An answer that falls to pieces while the grader looks at it.

Its __class__, __iter__, __len__, __reduce_ex__ and __getattribute__ run code of the student's
inside the grader's own encoder, and each says something else the second time it is asked.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import collections

class Turning(dict):
    asked = collections.Counter()

    def __getattribute__(self, name):
        Turning.asked[name] += 1
        if name == "__class__":
            return str if Turning.asked[name] % 2 else dict
        return object.__getattribute__(self, name)

    def __iter__(self):
        yield from ()

    def items(self):
        return [("value", "tea x 3 = 7.50")]

    def __len__(self):
        return 0

    def __eq__(self, other):
        return True

    def __reduce_ex__(self, protocol):
        return (str, ("tea x 3 = 7.50",))

    def __str__(self):
        return "tea x 3 = 7.50"

    __repr__ = __str__
    __hash__ = None

def receipt(name, count, cents):
    return Turning()
"""
}
