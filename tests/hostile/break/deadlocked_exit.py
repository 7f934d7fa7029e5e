"""Registers an exit handler that never returns, and threads that never end.

All exercises are solved. The notebook's own clean-up hangs, and so does Python's wait for
threads that are no daemons.
"""

EARNS = 10
STOCK = "it is solved, and nbgrader kills its kernel in the end"
SOLVED = ("receipt", "bucket", "deliver")
LAST = """
import atexit
import threading
import time

lock = threading.Lock()
lock.acquire()
atexit.register(lock.acquire)
threading.Thread(target=lambda: [time.sleep(1) for _ in range(10**6)]).start()
"""
