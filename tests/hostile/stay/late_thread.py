"""Leaves threads and tasks behind that go on in the checks, and after the last cell.

They print into the checks' outputs, raise in the event loop, and register more exit handlers
while the handlers run. The exercises are solved, and keep their points.
"""

EARNS = 10
STOCK = "it is solved, and nbgrader has it end with its kernel"
SOLVED = ("receipt", "bucket", "deliver")
FIRST = """
import asyncio
import atexit
import threading
import time

def late():
    atexit.register(late)
    time.sleep(0.01)

def talk():
    while True:
        time.sleep(0.05)
        print("still here")

atexit.register(late)
threading.Thread(target=talk, daemon=True).start()
"""
