"""What the processes of a run use, read from /proc by the run's init."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Up to so many threads, a process is looked at as a whole.
_FEW_THREADS = 4
#: Exact measuring may take this part of one processor's time.
_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one namespace but its init, at one moment.

    `cpu_seconds` counts those that have ended too. `resident_bytes` is what each holds in memory,
    added up, so that what several share counts several times. `running` is how many of them, and of
    the threads of those that have many, would use a processor if they got one.
    """

    pids: tuple[int, ...]
    cpu_seconds: float
    resident_bytes: int
    running: int


def processes(proc: int) -> Processes:
    """Look at every process in the /proc behind the descriptor `proc`."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    pids, seconds, pages, running = [], ended.ru_utime + ended.ru_stime, 0, 0
    for name in os.listdir(proc):
        if name.isdecimal() and name != "1":
            with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
                # after the name, which is in parentheses and may hold anything
                fields = _read(proc, f"{name}/stat").rpartition(b")")[2].split()
                seconds += sum(map(int, fields[11:15])) * _TICK
                pages += int(fields[21])
                pids.append(int(name))
                if int(fields[17]) > _FEW_THREADS:
                    running += sum(_runs(proc, f"{name}/task/{t}") for t in threads(proc, name))
                else:
                    running += fields[0] == b"R"
    return Processes(tuple(pids), seconds, pages * _PAGE, running)


def threads(proc: int, name: object) -> list[str]:
    """The numbers of a process's threads.

    Raises:
        OSError: it has ended.
    """
    folder = os.open(f"{name}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    try:
        return os.listdir(folder)  # noqa: PTH208
    finally:
        os.close(folder)


def _runs(proc: int, name: str) -> bool:
    try:
        return _read(proc, f"{name}/stat").rpartition(b")")[2].split()[0] == b"R"
    except (OSError, IndexError):
        return False


class Memory:
    """How much memory a run holds: seldom an exact figure, because that is costly."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self.peak = 0
        """The largest exact figure so far, or the sum of the resident sizes where it sufficed."""
        self._not_before = 0.0

    def exceeds(self, found: Processes, limit: int) -> bool:
        """Whether the processes hold more than `limit` bytes, what they share counted once."""
        if found.resident_bytes <= limit:
            self.peak = max(self.peak, found.resident_bytes)
            return False
        started = time.monotonic()
        if started < self._not_before:
            return False
        held = sum(_proportional(self._proc, pid) for pid in found.pids)
        self.peak = max(self.peak, held)
        self._not_before = time.monotonic() + (time.monotonic() - started) / _SHARE
        return held > limit


def resident(proc: int, pid: int) -> int:
    """What a process holds in memory, in bytes; 0 when it has ended."""
    try:
        return int(_read(proc, f"{pid}/statm").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(proc: int, pid: int) -> int:
    """The same, with pages that n processes share counted as 1/n."""
    try:
        rollup = _read(proc, f"{pid}/smaps_rollup")
    except OSError:  # it has ended, or nobody may look into it
        return resident(proc, pid)
    for line in rollup.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0  # a process that is about to end


def _read(proc: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
