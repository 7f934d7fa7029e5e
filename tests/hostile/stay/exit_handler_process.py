"""Starts the process that is to stay at the very end, in an exit handler.

A grader that looks for what is left when the last cell is done, and only then lets the process
clean up, has looked too early.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import atexit
import os
import time

def late():
    if os.fork() == 0:
        os.setsid()
        time.sleep(300)
        os._exit(0)

atexit.register(late)
"""
}
