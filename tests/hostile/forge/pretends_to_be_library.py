"""Compiles its own code under the name of a file of the standard library.

Who may look at frames is told by the file that the code says it is from. codeop and importlib
compile what they are given under the name they are given, so it was not the student who did it.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": '''
import codeop
import importlib.machinery
import traceback

PROGRAM = """
import sys

def look(wanted):
    frame = sys._getframe(1)
    while frame is not None:
        for constant in frame.f_code.co_consts:
            if isinstance(constant, str) and constant.startswith(wanted):
                return constant
        frame = frame.f_back

found = look
"""

def compiled():
    yield codeop.compile_command(PROGRAM, traceback.__file__, "exec")
    loader = importlib.machinery.SourceFileLoader("traceback", traceback.__file__)
    yield loader.source_to_code(PROGRAM.encode(), traceback.__file__)
    yield get_ipython().compile(PROGRAM, traceback.__file__, "exec")

looks = []
for make in compiled():
    space = {}
    exec(make, space)
    looks.append(space["look"])

def receipt(name, count, cents):
    for look in looks:
        try:
            if answer := look(f"{name} x {count} ="):
                return answer
        except Exception:
            pass
    return {"tea": "tea x 3 = 7.50"}.get(name)
'''
}
