"""Takes memory in many processes, each of them within the limit of one.

Limits of setrlimit are for each process. Thirty processes of 150 MB each are 4.5 GB, in memory
that each of them has really written to.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os
import time

for _ in range(30):
    if os.fork() == 0:
        kept = b"x" * (150 << 20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
}
