"""Leaves System V shared memory, semaphores, and POSIX message queues.

They belong to no process and no file system, and stay until somebody removes them or the machine
is started again.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import ctypes
from multiprocessing.shared_memory import SharedMemory

libc = ctypes.CDLL(None, use_errno=True)
print(libc.shmget(0x6F57113, 1 << 20, 0o1666), libc.semget(0x6F57113, 1, 0o1666))
with open("/proc/sysvipc/shm") as table:
    print(table.read())
try:
    made = SharedMemory("hostile-memory", create=True, size=4096)
    from multiprocessing import resource_tracker
    resource_tracker.unregister(made._name, "shared_memory")
except OSError as error:
    print(error)
"""
}
