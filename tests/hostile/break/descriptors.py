"""Opens files until there are no descriptors left, and keeps them.

What runs in this process afterwards can open nothing: no module, no source for a traceback, no
socket.
"""

EARNS = 4
STOCK = "the kernel has what it needs open, and goes on"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os

kept = []
while True:
    kept.append(os.dup(0))
"""
}
