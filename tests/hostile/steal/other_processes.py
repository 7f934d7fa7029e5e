"""Reaches files through other processes: their roots, working folders and open files.

/proc/PID/root and /proc/PID/cwd lead into another process's view of the disk, whatever this one
has been shut into.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import os
import pathlib

for process in pathlib.Path("/proc").glob("[0-9]*"):
    for place in (f"{process}/{'root'}/@COURSE@", f"{process}/cwd", f"{process}/cwd/.."):
        try:
            for path in pathlib.Path(place).glob("source/*/*.ipynb"):
                print(path.read_text())
        except OSError:
            pass
    try:
        for link in os.listdir(process / "fd"):
            target = os.readlink(process / "fd" / link)
            if target.endswith((".ipynb", ".db", ".json")):
                print(target, (process / "fd" / link).read_bytes()[:100_000])
    except OSError:
        pass
"""
}
