"""A numpy array of an object that equals everything.

numpy compares element by element and calls what the element defines. The array's class is
numpy's, its contents are in memory that Python code does not see.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import numpy

class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

def receipt(name, count, cents):
    answer = numpy.empty(1, dtype=object)
    answer[0] = Anything()
    return answer
"""
}
