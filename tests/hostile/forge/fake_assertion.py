"""Raises things that look like a passed check's end.

SystemExit with status 0, asyncio's CancelledError, GeneratorExit, and KeyboardInterrupt leave a
check early. A grader that counts only AssertionError, or only Exception, sees no failure.
"""

EARNS = 0
STOCK = "IPython shows each of them as an error"
CELLS = {
    "receipt": """
import asyncio

kinds = iter([SystemExit(0), asyncio.CancelledError()])

def receipt(name, count, cents):
    raise next(kinds)
""",
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        raise GeneratorExit
""",
    "deliver": """
def deliver(orders, courier, on_error):
    raise KeyboardInterrupt
""",
}
