"""Two processes that watch each other, and start again whichever is killed.

Ending one of them, and then the other, never ends both. They also change their process numbers
by forking all the time.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
import time

def flee():
    os.setsid()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        time.sleep(0.005)

for _ in range(2):
    if os.fork() == 0:
        flee()
        os._exit(0)
"""
}
