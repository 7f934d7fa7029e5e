"""Looks for the referee in the frames of an error that the referee has raised.

Nonsense given to `signal.signal` is refused in the middle of the referee's work, and a traceback
has the frames that it went through. From there it is one step to whose classes are trusted.
"""

EARNS = 0
REPORTED = None
STOCK = "earns"
CELLS = {
    "receipt": """
import _signal

class Liar:
    def __init__(self, *_):
        self.first = True

    def __eq__(self, other):
        first, self.first = self.first, False
        return first

    __hash__ = None

def receipt(name, count, cents):
    return Liar()

try:
    _signal.signal(None, print)
except Exception as error:
    trace = error.__traceback__
while trace is not None:
    referee = trace.tb_frame.f_locals.get("self")
    if hasattr(referee, "_owners"):
        referee._owners._classes[id(Liar)] = Liar
    trace = trace.tb_next
"""
}
