"""Kills its parent, its process group, and process 1 of what it can see.

The parent of a run is the warm process that forks all of them, or the one that watches this run.
When it dies, other students' runs must not, and this one is not the infrastructure's fault.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os
import signal

for pid in (os.getppid(), 1, 0, -os.getpgrp()):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except OSError as error:
            print(pid, error)
"""
}
