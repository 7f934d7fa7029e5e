"""Prints the environment: its own, and that of every process it can see.

Graders are given database passwords and tokens by variables. /proc/PID/environ shows them to
every process of the same account.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import os
import pathlib

print(dict(os.environ))
for path in pathlib.Path("/proc").glob("[0-9]*"):
    for name in ("environ", "cmdline"):
        try:
            print((path / name).read_bytes().replace(b"\\0", b" ").decode(errors="replace"))
        except OSError:
            pass
"""
}
