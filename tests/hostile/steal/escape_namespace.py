"""Tries the doors out of a sandbox: new namespaces, mounts, devices, keyrings, set-uid programs.

Each of them has opened a container some day. All have to be shut before the first cell runs, for
root's sandbox as for an ordinary user's.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import ctypes
import os
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
tries = {
    "user namespace": lambda: libc.unshare(0x10000000),
    "mount namespace": lambda: libc.unshare(0x00020000),
    "mount": lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None),
    "remount": lambda: libc.mount(b"none", b"/", b"", 0x20 | 0x1000, None),
    "umount /tmp": lambda: libc.umount2(b"/tmp", 2),
    "chroot": lambda: libc.chroot(b"/proc/1/root"),
    "setuid": lambda: libc.setuid(0),
    "setns": lambda: libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
    "device": lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0)) or 0,
    "keyctl": lambda: libc.syscall(250, 0, -3, 1),
    "personality": lambda: libc.personality(0x0040000),
}
for name, attempt in tries.items():
    try:
        print(name, attempt(), os.strerror(ctypes.get_errno()))
    except Exception as error:
        print(name, error)
for command in ("sudo -n id", "su -c id", "mount", "cat /proc/1/environ", "ls /proc/1/root"):
    print(subprocess.run(command, shell=True, capture_output=True, stdin=-3).stdout[:2000])
for top in ("/proc/1/root", "/proc/self/root", "/tmp/../.."):
    subprocess.run(f"cat {top}/@COURSE@/source/*/*.ipynb", shell=True)
"""
}
