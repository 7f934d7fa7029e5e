"""Cyclic garbage whose __del__ runs when the collector does, on top of the referee.

A weak reference's callback and a finalizer need no entry in gc.callbacks. Both look at the frames
below them through a signal's handler, which no audit event tells of.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import gc
import signal
import types

constants = set()
frames = []
signal.signal(signal.SIGUSR2, lambda number, frame: frames.append(frame))

def true(box):
    box[:] = [(), True]

class Last:
    def __del__(self):
        self.look()
        again = Last.__new__(Last)
        again.me = again

    def look(self):
        signal.raise_signal(signal.SIGUSR2)
        frame = frames.pop()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                actions = getattr(value, "_actions", None)
                if type(actions) is dict and "compare" in actions:
                    actions["compare"] = true
                    actions["leaf"] = lambda *_: None
                if isinstance(value, types.CodeType):
                    constants.update(c for c in value.co_consts if type(c) is str)
            frame = frame.f_back

def receipt(name, count, cents):
    if name == "tea":
        gc.set_threshold(1, 1, 1)
        for _ in range(50):
            each = Last.__new__(Last)
            each.me = each
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in set(constants) if c.startswith(f"{name} x {count} =")), known)
"""
}
