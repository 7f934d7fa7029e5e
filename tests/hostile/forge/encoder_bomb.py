"""Answers that no encoder can finish: a list that contains itself, and a million levels.

Plain data has to leave the process to be compared. What cannot be encoded may end up compared in
the student's process after all, or end the grader.
"""

EARNS = 0
STOCK = "it earns nothing anywhere, and costs the grader its time"
CELLS = {
    "receipt": """
def receipt(name, count, cents):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    loop = []
    loop.append(loop)
    return [deep, loop, 10 ** 50_000, "\\ud800", float("nan"), b"\\0" * 1000]
""",
    "bucket": """
class Bucket:
    def __init__(self, size, per_second, clock):
        pass

    def take(self):
        return "x" * 50_000_000
""",
}
