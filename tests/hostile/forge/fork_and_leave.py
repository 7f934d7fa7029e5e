"""The copy goes on with the check, and the original ends the process as if all were well.

Two processes hold the grader's channel. The one that answers is not the one that the grader
started, and exits with status 0 behind its back.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os

def receipt(name, count, cents):
    if os.fork() == 0:
        os._exit(0)
    if os.fork():
        os._exit(0)
    return None
"""
}
