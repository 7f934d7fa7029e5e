"""The init of one run: makes the run's own little system, starts it there, and watches over it.

The zygote forks it into a new process namespace, where it is process 1, so that whatever the run
starts becomes its child in the end and dies with it. It makes the rest of the system: mounts,
network and System V IPC of the run's own, one bounded file system in memory for all that the run
writes, an unprivileged account in a user namespace of the run's own. Then it gives up every right
and forks the run, in which `enclose` returns. Init itself never returns and runs nothing of the
notebook's; the run can neither look into it nor signal it.

Every page of memory that is touched here is copied first, which is most of the time that this
takes: hence bare calls of the system, and nothing computed that could be before the fork.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from onsite.grading.ended import Ended
from onsite.grading.result import Passed
from onsite.grading.sandbox import kernel, seccomp
from onsite.grading.sandbox.crowd import Crowd
from onsite.grading.sandbox.python import python_folders
from onsite.grading.sandbox.usage import Memory, processes, resident

STUDENT = 1000
"""Who runs are, to themselves: user and group."""
FOLDER = "/tmp"  # noqa: S108  # of the run's own
SERVICES = f"{FOLDER}/services"
"""What ONSITE_RUNTIME is in a run."""
OWN = ("work", "home", "tmp", "services")
"""What a run finds in `FOLDER`."""
SHARED = "/srv"
"""Where the sandbox shows what servers may begin with, read-only; see bubblewrap.py."""

#: How often the processes' use of memory and processor is looked at, in seconds.
_POLL = 0.05
_KIB = 1024
#: How many watchers of files (inotify) a run may have.
_WATCHERS = 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits that hold for all processes of a run together.

    `memory_bytes` comes on top of what the run holds when it starts.
    """

    memory_bytes: int
    cpu_seconds: float
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What all runs of a sandbox have in common, made once: see `make_plan`."""

    account: tuple[int, int] | None
    """The user and group to be outside; None: whoever the warm process is."""
    links: tuple[tuple[str, str], ...]
    """What servers may begin with: where it is, and where a run finds it."""
    program: seccomp.Program
    kept: tuple[str, ...]
    """Python's folders that lie below `FOLDER`, where a run must see them too."""


def make_plan(account: tuple[int, int] | None) -> Plan:
    """Look at what the sandbox shows; a run's account may not do that in all of the folders."""
    links = [
        (f"{SHARED}/{name}/{found}", f"{SERVICES}/{name}/{found}")
        for name in ("templates", "packages")
        for found in os.listdir(f"{SHARED}/{name}")  # noqa: PTH208
        if not found.startswith(".")
    ]
    kept = tuple(str(folder) for folder in python_folders() if folder.is_relative_to(FOLDER))
    return Plan(account, tuple(links), seccomp.program(), kept)


def enclose(plan: Plan, bounds: Bounds, report: int) -> int:
    """Become the run's init, and return in the run.

    The run is watched from the moment on in which it closes the descriptor that this returns: one
    that waits for its first cell, maybe for days, needs no looking at.

    Args:
        plan: what it has in common with others.
        bounds: its limits.
        report: where the `Ended` is written; it is closed in the run.
    """
    # before anybody can send them: without a handler an init never gets them
    wake, alarm = _catch(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    begun, waiting = os.pipe()
    try:
        proc = _make_system(bounds, plan.kept)
        become_student(plan.account)
        _make_folders(plan.links)
        run = os.fork()
    except BaseException as error:
        _say(report, Ended(fault=str(error) or repr(error)))
        os._exit(1)
    if run == 0:
        _become_run(plan.program, wake, alarm, report, proc, begun)
        return waiting
    try:
        kernel.keep_capabilities(kernel.KILL | kernel.TRACE)
        kernel.close_all_but(wake, alarm, report, proc, begun)
        _say(report, _watch(run, bounds, wake, proc, begun))
    except BaseException as error:
        _say(report, Ended(fault=str(error) or repr(error)))
    finally:
        os._exit(0)


def _catch(*signals: signal.Signals) -> tuple[int, int]:
    """Have the signals written to a pipe; both its ends."""
    wake, alarm = os.pipe()
    for end in (wake, alarm):
        os.set_blocking(end, False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    return wake, alarm


def _make_system(bounds: Bounds, kept: Sequence[str]) -> int:
    """Mounts, network and IPC of the run's own; a descriptor of init's /proc."""
    os.chdir("/")  # not in the warm process's folder, which will be below the run's
    kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_IPC)
    kernel.raise_loopback()
    bare = kernel.NO_SETUID | kernel.NO_DEVICES
    # Init needs one with everybody in it; above it the run gets one without what it may not trace,
    # which is init, whose files an ordinary user would own.
    kernel.mount("proc", "/proc", "proc", bare | kernel.NO_PROGRAMS)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.mount("proc", "/proc", "proc", bare | kernel.NO_PROGRAMS, "hidepid=2")
    covered = [os.open(folder, os.O_PATH | os.O_CLOEXEC) for folder in kept]
    # A file takes some memory even when it is empty.
    size = f"size={bounds.disk_bytes},nr_inodes={bounds.disk_bytes // (4 * _KIB)},mode=1777"
    kernel.mount("tmpfs", FOLDER, "tmpfs", bare, size)
    for folder, descriptor in zip(kept, covered, strict=True):
        os.makedirs(folder, 0o755)  # noqa: PTH103
        kernel.mount(f"/proc/self/fd/{descriptor}", folder, None, kernel.BIND)
        os.close(descriptor)
    shm = f"{FOLDER}/.shm"
    os.mkdir(shm)  # noqa: PTH102
    os.chmod(shm, 0o1777)  # noqa: PTH101, S103
    kernel.mount(shm, "/dev/shm", None, kernel.BIND)  # noqa: S108
    # else a run could open the terminals of others
    options = "newinstance,ptmxmode=0666,mode=620"
    kernel.mount("devpts", "/dev/pts", "devpts", kernel.NO_SETUID | kernel.NO_PROGRAMS, options)
    return proc


def become_student(account: tuple[int, int] | None) -> None:
    """Be nobody in particular: outside `account`, if that is given, inside `STUDENT`."""
    if account is not None:
        os.setgroups([])
        os.setresgid(account[1], account[1], account[1])
        os.setresuid(account[0], account[0], account[0])
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEW_USER)
    kernel.map_account(STUDENT, uid, gid)
    # Outside they are counted by user, who may be the grader and that of other runs.
    kernel.write("/proc/sys/user/max_inotify_instances", str(_WATCHERS))
    kernel.give_up_gaining()
    kernel.set_dumpable(False)


def _make_folders(links: Sequence[tuple[str, str]]) -> None:
    """Make what a run finds in `FOLDER`: room for its work, and what servers may begin with."""
    for name in (*OWN, "services/templates", "services/packages"):
        os.mkdir(f"{FOLDER}/{name}", 0o700)  # noqa: PTH102
    for place, link in links:  # one for each, since a run may add to them
        os.symlink(place, link)  # noqa: PTH211


def _become_run(program: seccomp.Program, *of_init: int) -> None:
    signal.set_wakeup_fd(-1)
    for descriptor in of_init:
        os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kernel.keep_capabilities(0)
    kernel.set_dumpable(True)
    # When the machine has no memory left, it is a run that has to go, not what grades it.
    kernel.write("/proc/self/oom_score_adj", "1000")
    seccomp.install(program)


def _watch(run: int, bounds: Bounds, wake: int, proc: int, begun: int) -> Ended:
    """Wait for the end of the run, or bring it about; nothing of it is left then."""
    memory, crowd = Memory(proc), Crowd(proc)
    limit: Passed = ""
    status = None
    allowed = bounds.memory_bytes + resident(proc, os.getpid())
    select.select([wake, begun], [], [])
    poll_at = time.monotonic() + _POLL
    while status is None and not limit:
        select.select([wake], [], [], max(0.0, poll_at - time.monotonic()))
        signals = _signals(wake)
        if signal.SIGINT in signals:
            os.kill(run, signal.SIGINT)
        if signal.SIGCHLD in signals:
            status = _reap(run)
        if signal.SIGTERM in signals:
            break
        if time.monotonic() >= poll_at:
            found = processes(proc)
            if found.cpu_seconds > bounds.cpu_seconds:
                limit = "cpu"
            elif memory.exceeds(found, allowed):
                limit = "memory"
            crowd.look(found)
            poll_at = time.monotonic() + _POLL
    _kill_all()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    if status is not None and seconds > bounds.cpu_seconds:
        limit = limit or "cpu"
    return Ended(status, limit, seconds, max(memory.peak, used.ru_maxrss * _KIB))


def _signals(wake: int) -> bytes:
    try:
        return os.read(wake, 4096)
    except BlockingIOError:
        return b""


def _reap(run: int) -> int | None:
    """Collect everybody who has ended; the run's wait status if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, found = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == run:
                status = found
    return status


def _kill_all() -> None:
    """Kill everybody else in this process namespace, and collect them."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _say(report: int, ended: Ended) -> None:
    os.write(report, ended.dump())
