"""A str whose class looks as if it defined no comparison: it comes from a base's base.

A grader that looks for __eq__ in the class's own dictionary only, to find out whether the object
may vouch for itself, does not see it two classes further up.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
class Hidden:
    def __eq__(self, other):
        return True

    __hash__ = None

class Between(Hidden):
    pass

class Text(Between, str):
    pass

def receipt(name, count, cents):
    return Text("whatever")
"""
}
