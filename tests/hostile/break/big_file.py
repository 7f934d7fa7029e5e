"""Writes one file as large as it can, and a sparse one of a terabyte.

A full disk stops every grader on the machine, and a copy of a sparse file is not sparse.
"""

EARNS = 4
STOCK = "leaves"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for name, size in (("hostile-sparse", 1 << 40), ("hostile-big", 0)):
    try:
        with open(name, "wb") as file:
            if size:
                file.truncate(size)
            for _ in range(300):
                file.write(b"x" * (1 << 20))
    except OSError as error:
        print(error)
"""
}
