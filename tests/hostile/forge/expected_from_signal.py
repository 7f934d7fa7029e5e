"""A signal handler is given the frame that it interrupted, and nobody is told.

signal.raise_signal inside the answer calls the handler with the answer's own frame; its f_back is
the check, whose code has the expected values. No audit event is raised for a handler's frame.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import signal

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(frame))

def receipt(name, count, cents):
    signal.raise_signal(signal.SIGUSR1)
    frame = seen.pop()
    while frame is not None:
        for constant in frame.f_code.co_consts:
            if isinstance(constant, str) and constant.startswith(f"{name} x {count} ="):
                return constant
        frame = frame.f_back
    return {"tea": "tea x 3 = 7.50"}.get(name)
"""
}
