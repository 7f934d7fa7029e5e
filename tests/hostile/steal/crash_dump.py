"""Makes the interpreter dump what it knows: faulthandler, tracemalloc, core files, pdb.

Debugging tools print stacks, sources and locals without asking for a frame. During a check that
is the check's source and what it expects.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import faulthandler
import sys
import traceback

def receipt(name, count, cents):
    if name == "tea":
        return "tea x 3 = 7.50"
    if name == "heron":
        return "heron x 17 = 10.37"
    traceback.print_stack(file=sys.stdout)
    try:
        faulthandler.dump_traceback(file=sys.__stdout__, all_threads=True)
    except Exception as error:
        print(error)
    try:
        raise KeyError(name)
    except KeyError as error:
        stack = traceback.TracebackException.from_exception(error, capture_locals=True)
        print(*stack.format())
        walked = traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True)
        print(*walked.format())
        print([each.line for each in walked])
    return get_ipython().showtraceback() or get_ipython().magic("tb")
"""
}
