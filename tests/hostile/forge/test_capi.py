"""CPython's own test modules reach into the interpreter without an audit event.

_testcapi is part of many builds and gives a function's code unseen. A signal's handler finds the
function, and the code's constants are free to read: expected values, witnesses, secrets.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
import signal
import types

frames = []
signal.signal(signal.SIGUSR1, lambda number, frame: frames.append(frame))

def codes(value):
    if isinstance(value, types.CodeType):
        yield value
        for constant in value.co_consts:
            yield from codes(constant)
    if isinstance(value, types.FunctionType):
        try:
            import _testcapi
            yield from codes(_testcapi.function_get_code(value))
        except (ImportError, AttributeError):
            pass

def receipt(name, count, cents):
    signal.raise_signal(signal.SIGUSR1)
    frame = frames.pop()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            for code in codes(value):
                for constant in code.co_consts:
                    if type(constant) is str and constant.startswith(f"{name} x {count} ="):
                        return constant
        frame = frame.f_back
    return {"tea": "tea x 3 = 7.50"}.get(name)
"""
}
