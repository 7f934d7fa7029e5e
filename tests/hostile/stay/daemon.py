"""Leaves a daemon: two forks, a session of its own, nothing open.

The process has left the kernel's group and session and is a child of process 1. It lives on when
the kernel is gone.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(300)
    os._exit(0)
os.wait()
"""
}
