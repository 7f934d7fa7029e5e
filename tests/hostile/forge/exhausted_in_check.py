"""Leaves the check no room to find out that it has failed.

The answer lowers the recursion limit to where it stands and takes nearly all memory, so that the
witness's own calls raise RecursionError or MemoryError instead of reporting a false assertion.
"""

EARNS = 0
STOCK = "an error is an error there, whatever it is"
CELLS = {
    "receipt": """
import sys

def receipt(name, count, cents):
    for limit in range(10, 500):
        try:
            sys.setrecursionlimit(limit)
            break
        except RecursionError:
            continue
    return None
""",
    "bucket": """
kept = []

class Bucket:
    def __init__(self, size, per_second, clock):
        pass

    def take(self):
        try:
            size = 1 << 26
            while size > 64:
                try:
                    while True:
                        kept.append(bytearray(size))
                except MemoryError:
                    size //= 2
        except BaseException:
            pass
        return None
""",
}
