"""Sends itself the signals by which a grader ends a cell.

SIGINT is how the grader interrupts a cell that takes too long; a handler that the student has
installed makes of it an end without an error.
"""

EARNS = 0
STOCK = "IPython shows the interrupt as an error"
CELLS = {
    "receipt": """
import os
import signal

def leave(number, frame):
    raise SystemExit(0)

signal.signal(signal.SIGINT, leave)
signal.signal(signal.SIGTERM, leave)

def receipt(name, count, cents):
    os.kill(os.getpid(), signal.SIGINT)
"""
}
