"""Raises its own resource limits and priority, and lowers those of others.

Soft limits may be raised to the hard ones, and prlimit sets those of every process of the same
account: here, the grader's to nothing.
"""

EARNS = 4
STOCK = "disturbs"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os
import resource

for what in (resource.RLIMIT_DATA, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
    try:
        resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError) as error:
        print(error)
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
    if pid != os.getpid():
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        except OSError as error:
            print(pid, error)
os.setpriority(os.PRIO_PROCESS, 0, 19)
"""
}
