"""Fills memory that belongs to no process: files in /dev/shm and /tmp, and pipes.

A limit on the processes' memory does not see it. The files must be bounded in size together, and
go with the run.
"""

EARNS = 4
STOCK = "leaves"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import mmap
import os

block = b"x" * (1 << 20)
for folder in ("/dev/shm", "/tmp", "/var/tmp", os.path.expanduser("~"), "."):
    try:
        for number in range(40):
            with open(f"{folder}/hostile-{number}", "wb") as file:
                for _ in range(16):
                    file.write(block)
    except OSError as error:
        print(folder, error)
raise SystemExit
"""
}
