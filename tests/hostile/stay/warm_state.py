"""Tries to change the warm process for the runs that come after this one.

Runs are forks of one process that has imported everything. What is shared between a fork and its
parent is memory that was mapped shared, open files and their offsets, and the files behind them.
"""

EARNS = 0
STOCK = "a kernel of nbgrader's is not warm"
CELLS = {
    "receipt": """
import mmap
import os
import signal

parent = os.getppid()
for line in open("/proc/self/maps"):
    if " rw-s" in line:
        start, end = (int(n, 16) for n in line.split()[0].split("-"))
        try:
            with open("/proc/self/mem", "r+b", 0) as memory:
                memory.seek(start)
                memory.write(b"hostile" * 8)
        except OSError as error:
            print(error)
for descriptor in range(256):
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.set_blocking(descriptor, False)
    except OSError:
        pass
for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD, signal.SIGINT):
    try:
        os.kill(parent, number)
    except OSError as error:
        print(error)
try:
    with open(f"/proc/{parent}/mem", "r+b", 0) as memory:
        memory.seek(id(print))
        memory.write(b"\\0" * 64)
except OSError as error:
    print(error)
"""
}
