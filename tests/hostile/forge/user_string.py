"""A collections.UserString around an object that equals everything.

UserString and its relatives compare by what is in `.data`. The outer class is the library's and
trusted; the inner one decides.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
from collections import UserString

class Anything(str):
    def __eq__(self, other):
        return True

    __hash__ = None

def receipt(name, count, cents):
    answer = UserString("")
    answer.data = Anything()
    return answer
"""
}
