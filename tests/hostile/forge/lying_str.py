"""A str whose own class says that it equals everything.

It is a str by any isinstance, prints well, and its value is wrong. A grader that takes it for a
plain string because it is one by inheritance asks its __eq__ and believes it.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
class Text(str):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = str.__hash__

def receipt(name, count, cents):
    return Text("whatever")
"""
}
