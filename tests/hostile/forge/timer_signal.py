"""A timer that was started in the student's cell fires in the middle of the check.

The handler gets the check's own frame. It takes the expected values out of it and leaves them for
the answer, which waits for a moment.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import signal
import time

constants = []

def look(number, frame):
    while frame is not None:
        constants.extend(c for c in frame.f_code.co_consts if isinstance(c, str))
        frame = frame.f_back

signal.signal(signal.SIGALRM, look)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)

def receipt(name, count, cents):
    time.sleep(0.05)
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in constants if c.startswith(f"{name} x {count} =")), known)
"""
}
