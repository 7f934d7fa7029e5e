"""Names of the student's own that hide builtins from the checks.

Checks run in the student's namespace, where a global called `sum`, `min`, `bool` or `isinstance`
comes before the builtin one. No module is patched and nothing is forbidden about it.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

def sum(numbers):
    return list(numbers) and Anything()

def min(*numbers):
    return 2

def isinstance(*_):
    return True

def sorted(_):
    return Anything()

def len(_):
    return Anything()

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
