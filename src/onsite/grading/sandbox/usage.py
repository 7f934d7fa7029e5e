"""What the processes of a run use, read from /proc by the run's init."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Exact measuring may take this part of one processor's time.
_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one namespace but its init, at one moment.

    `cpu_seconds` counts those that have ended too. `resident_bytes` is what each holds in memory,
    added up, so that what several share counts several times.
    """

    pids: tuple[int, ...]
    cpu_seconds: float
    resident_bytes: int


def processes() -> Processes:
    """Look at every process that is visible in /proc."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    pids, seconds, pages = [], ended.ru_utime + ended.ru_stime, 0
    for pid in _pids():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # after the name, which is in parentheses and may hold anything
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            seconds += sum(map(int, fields[11:15])) * _TICK
            pages += int(fields[21])
            pids.append(pid)
    return Processes(tuple(pids), seconds, pages * _PAGE)


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal() and name != "1":
            yield int(name)


class Memory:
    """How much memory a run holds: seldom an exact figure, because that is costly."""

    def __init__(self) -> None:
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
        held = sum(map(_proportional, found.pids))
        self.peak = max(self.peak, held)
        self._not_before = time.monotonic() + (time.monotonic() - started) / _SHARE
        return held > limit


def resident(pid: int) -> int:
    """What a process holds in memory, in bytes; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def _proportional(pid: int) -> int:
    """The same, with pages that n processes share counted as 1/n."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:  # it has ended, or nobody may look into it
        return resident(pid)
    for line in rollup.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0  # a process that is about to end
