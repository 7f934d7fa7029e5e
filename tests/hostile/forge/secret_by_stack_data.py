"""Has IPython's own formatter of tracebacks read the referee's code.

`signal.signal` with nonsense raises in a function of the referee's. stack_data keeps the code of a
frame as an attribute, and among the constants of this one is what the referee listens to.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import signal
import sys

import stack_data

class Liar:
    def __init__(self, *_):
        self.first = True

    def __eq__(self, other):
        first, self.first = self.first, False
        return first

    __hash__ = None

try:
    signal.signal(None, print)
except Exception as error:
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next

def receipt(name, count, cents):
    return Liar()

for constant in stack_data.FrameInfo(trace).code.co_consts:
    if isinstance(constant, str) and constant.startswith("onsite."):
        sys.audit(constant, "own", Clock.__init__, Liar)
"""
}
