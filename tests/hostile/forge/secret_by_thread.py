"""The same from a pool's thread, on whose stack there is nothing but libraries."""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

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

with ThreadPoolExecutor(1) as pool:
    code = pool.submit(stack_data.FrameInfo, trace).result().code
for constant in code.co_consts:
    if isinstance(constant, str) and constant.startswith("onsite."):
        sys.audit(constant, "own", Clock.__init__, Liar)
"""
}
