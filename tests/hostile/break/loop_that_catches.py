"""Loops for ever and catches the interrupt that should end it.

KeyboardInterrupt is an exception like others. Only a signal that cannot be caught ends this cell,
and what was earned before it must stay.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
}
