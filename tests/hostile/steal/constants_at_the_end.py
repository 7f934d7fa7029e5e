"""Looks for the constants of finished checks, in all objects and in all of the memory.

After the last check a cell asks the garbage collector for code objects and strings, and then
reads the process's memory page by page through /proc/self/mem.
"""

EARNS = 0
REPORTED = True
STOCK = "reads"
CELLS = {"receipt": "def receipt(*order):\n    return 'tea x 3 = 7.50'"}
LAST = """
import gc
import re
import types

wanted = re.compile(rb"gull x \\\\d = [0-9.]{4}")
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType):
        print(*[c for c in thing.__code__.co_consts if "gull" in str(c)], end="")
    elif type(thing) in (tuple, list, dict) and len(thing) < 1000:
        try:
            text = repr(thing).encode()
        except Exception:
            continue
        for found in wanted.findall(text):
            print(found)
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        start, end = (int(n, 16) for n in line.split()[0].split("-"))
        if " rw" in line and end - start < 1 << 28:
            try:
                memory.seek(start)
                for found in wanted.findall(memory.read(end - start)):
                    print(found)
            except (OSError, ValueError, OverflowError):
                pass
"""
