"""A liar under six thousand other things.

Looking through an object for parts that decide for themselves has to end somewhere. The part that
decides comes after that: a UserString whose dictionary is full of junk.
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
    del answer.data
    vars(answer)["data"] = Anything()
    vars(answer).update({f"junk{number}": [number] for number in range(20_000)})
    return answer
"""
}
