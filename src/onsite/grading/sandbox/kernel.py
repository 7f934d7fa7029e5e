"""The calls of Linux that a run's own namespaces need and that Python 3.11 does not have."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

# from <linux/sched.h>
NEW_MOUNTS = 0x00020000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

# from <linux/mount.h>
NO_SETUID, NO_DEVICES, NO_PROGRAMS, BIND = 0x2, 0x4, 0x8, 0x1000

# from <linux/prctl.h>
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
# from <linux/capability.h>
_CAPABILITY_VERSION_3 = 0x20080522
KILL, TRACE = 1 << 5, 1 << 19
"""Capabilities: to signal, and to look at, whatever process."""
# from <linux/sockios.h> and <linux/if.h>
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40

_libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(None, use_errno=True)  # keeps Python's global lock


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(namespaces: int) -> None:
    """Leave namespaces for new ones; of `NEW_PIDS` only later children are members.

    Raises:
        OSError: the kernel, its settings or this process's rights do not allow it.
    """
    _check(_libc.unshare(namespaces), "unshare")


def enter(namespace: int, kind: int) -> None:
    """Go (back) to the namespace of that kind behind a descriptor.

    Raises:
        OSError: this process may not.
    """
    _check(_libc.setns(namespace, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system of `kind`, or with `BIND` a folder, at `target`.

    Raises:
        OSError: it is refused.
    """
    words = [word and word.encode() for word in (source, target, kind)]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def close_all_but(*kept: int) -> None:
    """Close every descriptor of this process that is not named."""
    start = 0
    for descriptor in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        if start < descriptor:  # of an empty range os.closerange would close everything
            os.closerange(start, descriptor)
        start = descriptor + 1


def raise_loopback() -> None:
    """Bring up the loopback of a new network namespace.

    Raises:
        OSError: this process may not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def map_account(inside: int, uid: int, gid: int) -> None:
    """In a new user namespace: be the user and the group `inside`, and have no other.

    Args:
        inside: the number here.
        uid: this process's user in the namespace it came from.
        gid: its group there.
    """
    # a change of user makes the files below /proc/self root's
    set_dumpable(True)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{inside} {uid} 1")
    write("/proc/self/gid_map", f"{inside} {gid} 1")


def write(path: str, text: str) -> None:
    """Write to one of the kernel's files, which take a text only in one piece."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def set_dumpable(value: bool) -> None:
    """Let others of the same user look into this process, or not."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(value), 0, 0, 0), "PR_SET_DUMPABLE")


def give_up_gaining() -> None:
    """Never gain a right again, neither by a set-user-id program nor by a capability's return."""
    number = 0
    while _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:  # until there is none of that number
        number += 1
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


def keep_capabilities(kept: int) -> None:
    """Drop every capability of this process but the set `kept`."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; the second half is of the numbers above 31
    _check(_libc.capset(header, struct.pack("6I", kept, kept, 0, 0, 0, 0)), "capset")


def bare_fork() -> int:
    """Fork without what Python and its modules do at a fork, most of which copies memory.

    For a process of one thread whose copy forks once more, by `os.fork`, or ends.

    Raises:
        OSError: there is no memory, or there are too many processes.
    """
    pid = int(_python.fork())
    _check(min(pid, 0), "fork")
    return pid
