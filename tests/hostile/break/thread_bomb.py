"""Starts threads until no more can be started, and lets them wait for ever.

The process has as many threads as it may; none of them is a daemon, so that Python waits for
them at its end.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import threading
import time

def wait():
    while True:
        time.sleep(60)

while True:
    threading.Thread(target=wait).start()
"""
}
