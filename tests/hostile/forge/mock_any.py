"""Returns unittest.mock.ANY, which equals everything and is no class of the student's.

A grader that trusts the standard library's comparisons and distrusts the student's only gives
full marks: the liar comes with Python.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
from unittest.mock import ANY

def receipt(name, count, cents):
    return ANY
""",
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        self.answers = iter([ANY] * 5)

    def take(self):
        return next(self.answers, True)
""",
    "deliver": """
def deliver(orders, courier, on_error):
    courier.threads = set()
    courier.delivered = sorted(set(orders) - courier.lost)
    if on_error:
        on_error(ANY, ConnectionError())
    return ANY
""",
}
