"""Ends the process with status 0 in the middle of each check.

A grader that runs checks as a program and reads its exit status takes that for success. Each
exercise does it in another way.
"""

EARNS = 0
STOCK = "nbgrader ends such a kernel and grades nothing"
CELLS = {
    "receipt": """
import os

def receipt(name, count, cents):
    os._exit(0)
""",
    "bucket": """
import os

class Bucket:
    def __init__(self, size, per_second, clock):
        os.execv("/bin/true", ["true"])
""",
    "deliver": """
import os

def deliver(orders, courier, on_error):
    os.kill(os.getpid(), 9)
""",
}
