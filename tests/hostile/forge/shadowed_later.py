"""Hides the builtins in the middle of a check, when the check's own code calls the answer.

A grader that clears the namespace before each check has done so by then. The first take() gives
the globals a `sum` that equals everything; the second assertion uses it.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        self.answers = iter([True, True, True, False, False])

    def take(self):
        class Anything:
            def __eq__(self, other):
                return True

            __hash__ = None

        found = globals()
        found["sum"] = lambda numbers: Anything() if list(numbers) else 0
        found["isinstance"] = lambda *_: True
        return next(self.answers, None)
"""
}
