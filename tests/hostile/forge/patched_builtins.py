"""Replaces functions in the builtins module.

sum, min, sorted and isinstance are the check's tools; in nbgrader they are looked up in a module
that the student's cell can write to.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import builtins

class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

builtins.min = lambda *_: 2
builtins.sum = lambda numbers: list(numbers) and Anything()
builtins.isinstance = lambda *_, real=isinstance: real(*_) or _[1] is bool

def receipt(name, count, cents):
    return None
""",
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        self.answers = iter([True, True, True, False, False])

    def take(self):
        return next(self.answers, None)
""",
}
