"""Looks at every descriptor that this process has inherited, and reads from it.

A worker that was warm before may have a log, a database, a folder or the course open, and a
folder's descriptor leads to everything below and above it.
"""

EARNS = 0
STOCK = "the kernel inherits no descriptor of the grader's"
CELLS = {
    "receipt": """
import os
import stat

for descriptor in range(256):
    try:
        kind = os.fstat(descriptor).st_mode
        target = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        continue
    print(descriptor, oct(kind), target)
    if stat.S_ISREG(kind):
        print(os.pread(descriptor, 100_000, 0))
    if stat.S_ISDIR(kind):
        for place in (".", "..", "../..", "../../.."):
            try:
                print(os.listdir(os.open(place, os.O_RDONLY, dir_fd=descriptor)))
            except OSError as error:
                print(error)
"""
}
