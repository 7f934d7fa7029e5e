"""A thread of the student's looks at the main thread's frames while a check runs in it.

sys._current_frames() gives the innermost frame of each thread, and f_back leads to the check. The
answer waits until the thread has found its value.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import sys
import threading
import time

found = set()

def watch():
    while True:
        for frame in sys._current_frames().values():
            while frame is not None:
                found.update(c for c in frame.f_code.co_consts if isinstance(c, str))
                frame = frame.f_back
        time.sleep(0.001)

threading.Thread(target=watch, daemon=True).start()

def receipt(name, count, cents):
    time.sleep(0.05)
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in set(found) if c.startswith(f"{name} x {count} =")), known)
"""
}
