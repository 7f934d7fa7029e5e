"""Writes into the dictionary of builtins that the check itself was given.

A grader that runs checks with pristine builtins has to hand them over as `__builtins__` of the
namespace, where the answer finds them as soon as it is called, and changes them for what follows.
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

        pristine = globals()["__builtins__"]
        pristine = pristine if type(pristine) is dict else vars(pristine)
        pristine["sum"] = lambda numbers: Anything() if list(numbers) else 0
        pristine["isinstance"] = lambda *_: True
        return next(self.answers, None)
"""
}
