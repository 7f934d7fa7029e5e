"""A thread that clears the output of whatever cell is running, all the time.

The error of a failed check is an output like any other. Once cleared, nothing in the notebook
says that the check has failed.
"""

EARNS = 0
STOCK = "nbgrader notes a failed cell also by the kernel's reply"
CELLS = {
    "receipt": """
import threading
import time
from IPython.display import clear_output

def clear():
    while True:
        clear_output(wait=False)
        time.sleep(0.002)

threading.Thread(target=clear, daemon=True).start()
"""
}
