"""A profile function gets the check's frame at every call that the check makes.

sys.setprofile in the student's cell goes on in later cells. It collects the constants of all the
code that it sees.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import sys
import threading

constants = set()

def profile(frame, event, argument):
    constants.update(c for c in frame.f_code.co_consts if type(c) is str)
    if frame.f_back is not None:
        constants.update(c for c in frame.f_back.f_code.co_consts if type(c) is str)

def receipt(name, count, cents):
    known = {"tea": "tea x 3 = 7.50"}.get(name)
    return next((c for c in set(constants) if c.startswith(f"{name} x {count} =")), known)

sys.setprofile(profile)
threading.setprofile(profile)
"""
}
