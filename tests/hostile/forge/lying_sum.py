"""A number that takes part in sums and comes out equal to everything.

`sum(bucket.take() for ...)` adds by the student's __radd__. The sum is then an object of the
student's, which the check compares with a literal.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "bucket": """
class Total(float):
    def __eq__(self, other):
        return True

    def __radd__(self, other):
        return self

    __add__ = __radd__
    __hash__ = None
    __class__ = property(lambda self: bool)

class Bucket:
    def __init__(self, size, per_second, clock):
        self.answers = iter([True, True, True, False, False])

    def take(self):
        answer = next(self.answers, None)
        return Total() if answer is None else answer
"""
}
