"""What a run may not ask of the kernel, as a seccomp filter (classic BPF).

Everything else is allowed: notebooks use databases, threads, pools and servers, and what a call
does to others is the namespaces' matter. Refused is what would lead out of those, what opens
large or rarely used parts of the kernel, what could hold memory that nobody counts, and whatever
is aimed at the run's init (process 1), which watches the run.

A filter is a list of instructions for the machine that <linux/bpf_common.h> describes; it sees
`struct seccomp_data` of <linux/seccomp.h>: the call's number, the architecture, the arguments.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onsite.grading.sandbox.syscalls import AARCH64, X86_64

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""

INIT = 1
"""The process id of the run's init."""
SHARED_SEGMENT = 128 << 10
"""The largest segment of System V shared memory, in bytes: PostgreSQL has a tiny one as a lock."""
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
# every CLONE_NEW... that `clone` takes
_NEW_NAMESPACES = 0x7E020000

REFUSED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
    *("kcmp", "pidfd_getfd", "move_pages", "migrate_pages", "perf_event_open", "userfaultfd"),
    *("mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at"),
    *("unshare", "setns", "sethostname", "setdomainname", "personality", "lsm_set_self_attr"),
    *("add_key", "request_key", "keyctl", "bpf", "syslog", "fanotify_init", "fanotify_mark"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("init_module", "finit_module", "delete_module", "create_module", "kexec_load"),
    *("kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl", "ioperm"),
    *("modify_ldt", "uselib", "sysfs", "_sysctl", "nfsservctl", "lookup_dcookie", "vhangup"),
    # System V's queues hold memory that belongs to no process
    "msgget",
)
"""Calls that fail with EPERM."""
ABSENT = ("clone3", "memfd_create", "memfd_secret")
"""Calls that fail with ENOSYS, whereupon libraries do without: of `clone3` no filter can see the
arguments, and a memory file that is not mapped belongs to no process."""

# from <linux/bpf_common.h>
_LOAD, _EQUAL, _AT_LEAST, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
# from <linux/seccomp.h>
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_SET_FILTER, _KEEP_SPECULATION = 1, 4
_X32 = 0x40000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind of processor: its audit number and its system calls."""

    audit: int
    calls: Mapping[str, int]


MACHINES = {
    "x86_64": Machine(0xC000003E, X86_64),
    "aarch64": Machine(0xC00000B7, AARCH64),
}


def build(machine: Machine) -> list[Instruction]:
    """The filter for `machine`."""
    made = [
        _load(_ARCHITECTURE),
        (_EQUAL, 1, 0, machine.audit),  # else a call in another machine's way, as by `int 0x80`
        (_RETURN, 0, 0, _KILL),
        _load(_NUMBER),
    ]
    if machine is MACHINES["x86_64"]:
        made += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, body in _rules():
        if name in machine.calls:
            made += [(_EQUAL, 0, len(body), machine.calls[name]), *body]
    return [*made, (_RETURN, 0, 0, _ALLOW)]


@dataclass(frozen=True, slots=True)
class Program:
    """The filter for this machine as the kernel takes it."""

    call: int
    """The number of the system call `seccomp` here."""
    memory: ctypes.Array[ctypes.c_char]
    size: int


def program() -> Program:
    """Translate the filter for this machine."""
    machine = MACHINES[platform.machine()]
    made = build(machine)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in made)
    memory = ctypes.create_string_buffer(code, len(code))
    return Program(machine.calls["seccomp"], memory, len(made))


def install(program: Program) -> None:
    """Put this thread, and whatever it starts, under the filter for good.

    Raises:
        OSError: the kernel refuses.
    """
    filtered = struct.pack("HxxxxxxP", program.size, ctypes.addressof(program.memory))
    # by its number: libc has no function for it, and prctl cannot keep branch prediction
    if _libc.syscall(ctypes.c_long(program.call), _SET_FILTER, _KEEP_SPECULATION, filtered) != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _rules() -> Iterable[tuple[str, list[Instruction]]]:
    """A call's name, and what decides on it; each ends with a return in all cases."""
    for name in REFUSED:
        yield name, [_fail(errno.EPERM)]
    for name in ABSENT:
        yield name, [_fail(errno.ENOSYS)]
    yield "clone", _fail_if(0, (_ANY_BIT, _NEW_NAMESPACES), errno.EPERM)
    yield "socket", _fail_unless(0, FAMILIES, errno.EAFNOSUPPORT)
    yield (
        "shmget",
        [
            # a size has 64 bits, of which each half is a word
            *_when(_word(1, 1), _GREATER, 0, _fail(errno.EINVAL)),
            *_fail_if(1, (_GREATER, SHARED_SEGMENT), errno.EINVAL),
        ],
    )
    for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open"):
        yield name, _fail_if(0, (_EQUAL, INIT), errno.EPERM)
    for name in ("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setaffinity"):
        yield name, _fail_if(0, (_EQUAL, INIT), errno.EPERM)
    yield "sched_setattr", _fail_if(0, (_EQUAL, INIT), errno.EPERM)
    for name, of_user in (("setpriority", 2), ("ioprio_set", 3)):  # a user's: init has the same
        yield (
            name,
            [
                *_when(_word(0), _EQUAL, of_user, _fail(errno.EPERM)),
                *_fail_if(1, (_EQUAL, INIT), errno.EPERM),
            ],
        )


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _word(argument: int, half: int = 0) -> int:
    return _ARGUMENTS + 8 * argument + 4 * half  # both machines have the low half first


def _fail(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _when(offset: int, test: int, operand: int, then: Instruction) -> list[Instruction]:
    return [_load(offset), (test, 0, 1, operand), then]


def _fail_if(argument: int, test: tuple[int, int], number: int) -> list[Instruction]:
    return [*_when(_word(argument), *test, _fail(number)), (_RETURN, 0, 0, _ALLOW)]


def _fail_unless(argument: int, allowed: Iterable[int], number: int) -> list[Instruction]:
    made = [_load(_word(argument))]
    for value in allowed:
        made += [(_EQUAL, 0, 1, int(value)), (_RETURN, 0, 0, _ALLOW)]
    return [*made, _fail(number)]
