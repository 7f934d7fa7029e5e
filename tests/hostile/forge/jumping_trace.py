"""A trace function that reads the checks' constants and jumps over their assertions.

sys.settrace in the student's cell sees the frame of each later cell. When the second line of a
check is about to run, the tracer sets f_lineno to the last one.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import sys

constants = set()

def receipt(name, count, cents):
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in set(constants) if c.startswith(f"{name} x {count} =")), known)

def tracer(frame, event, argument):
    constants.update(c for c in frame.f_code.co_consts if type(c) is str)
    if frame.f_code.co_name != "<module>":
        return None
    lines = sorted({line for _, _, line in frame.f_code.co_lines() if line})

    def jump(frame, event, argument):
        if event == "line" and lines[0] < frame.f_lineno < lines[-1]:
            try:
                frame.f_lineno = lines[-1]
            except ValueError:
                pass
        return jump

    return jump

sys.settrace(tracer)
"""
}
