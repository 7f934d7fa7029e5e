"""Takes the grader's own signal handler apart.

signal.getsignal(SIGINT) returns a function of the grader's. Its globals, closure and defaults can
be read without an audit event, its code can be replaced, and it can be called at a wrong time.
"""

EARNS = 0
STOCK = "the kernel's handler is Python's own"
CELLS = {
    "receipt": """
import signal

handler = signal.getsignal(signal.SIGINT)

def parts(function, depth=3):
    yield function
    if depth:
        held = [*(getattr(function, "__defaults__", None) or ())]
        for cell in getattr(function, "__closure__", None) or ():
            held.append(cell.cell_contents)
        held += (getattr(function, "__globals__", None) or {}).values()
        held.append(getattr(function, "__self__", None))
        for each in held:
            if callable(each) or hasattr(each, "__dict__"):
                yield from parts(each, depth - 1)

def receipt(name, count, cents):
    for part in list(parts(handler)):
        actions = getattr(part, "_actions", None)
        if type(actions) is dict:
            actions["compare"] = lambda box: box.__setitem__(slice(None), [(), True])
    try:
        handler.__code__ = receipt.__code__
    except Exception:
        pass
    try:
        handler(signal.SIGINT, None)
    except BaseException:
        pass
    return None
"""
}
