"""Reads from and writes noise to every descriptor, again and again, from a thread.

The thread takes frames that were meant for the grader's own code, and breaks the ones it sends.
A grader that goes on as if nothing had happened believes less, or more, than it was told.
"""

EARNS = 0
STOCK = "disturbs"
CELLS = {
    "receipt": """
import os
import threading
import time

def noise():
    while True:
        for descriptor in range(3, 64):
            try:
                os.set_blocking(descriptor, False)
                os.read(descriptor, 7)
            except OSError:
                pass
            try:
                os.write(descriptor, os.urandom(9))
            except OSError:
                pass
        time.sleep(0.001)

threading.Thread(target=noise, daemon=True).start()

def receipt(name, count, cents):
    return None
"""
}
