"""What a forked run does: fences itself in, then runs the cells it is sent, one at a time."""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import random
import resource
import select
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from onsite.grading import cells
from onsite.grading.referee.kit import Kit, make_kit
from onsite.grading.shell import NotebookShell

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Fence:
    """The part of a run's limits that the system enforces, and the folder it works in.

    `memory_bytes` comes on top of what the process has at the start; `processes` is the total
    of the user's processes and threads, or 0 for no limit. All but that are for each process.
    """

    folder: str
    memory_bytes: int
    cpu_seconds: float
    processes: int
    open_files: int
    file_bytes: int
    seed: int


_referee: Kit
_held: int


def prepare() -> None:
    """Make ready, once for all runs, what the referee of each is made of and what each holds."""
    global _referee, _held
    _referee = make_kit()
    _held = _data_bytes()


def prctl(option: int, value: int) -> None:
    """Call Linux's prctl; elsewhere do nothing, because it only adds to what the parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def run(
    shell: NotebookShell, channel: socket.socket, fence: Fence, waiting: int | None
) -> NoReturn:
    """Run cells until the grading process says that it was the last one.

    `waiting` is a descriptor that is closed when the first one is there.
    """
    _enclose(fence)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # In one expression: no variable of a frame below the cells may hold anything of the referee.
    _begin(shell, channel, waiting)(loop)
    os._exit(0)


def _begin(
    shell: NotebookShell, channel: socket.socket, waiting: int | None
) -> Callable[[object], None]:
    """Put the referee in its place, and wait for a cell; what then takes turns with it."""
    _, (descriptor,), _, _ = socket.recv_fds(channel, 1, 1)
    emit = cells.Sender(channel)
    shell.connect(emit)
    seen = {
        "show": shell.displayhook,
        "say": cells.describe,
        "stop": cells.stop,
        "student_cell": partial(cells.student_cell, shell),
        "wait": partial(cells.wait, descriptor),
        "flush": cells.finish,
        "interrupt_now": emit.interrupt,
    }
    main: Callable[[object], None]
    main = globals().pop("_referee").begin(descriptor, shell.user_ns, seen)
    if waiting is not None:
        select.select([descriptor], [], [])
        os.close(waiting)
    return main


def _enclose(fence: Fence) -> None:
    os.setsid()
    folder = Path(fence.folder)
    os.chdir(folder / "work")
    os.environ["HOME"] = str(folder / "home")
    os.environ["IPYTHONDIR"] = str(folder / "home" / ".ipython")
    os.environ["TMPDIR"] = str(folder / "tmp")
    tempfile.tempdir = None
    sys.path.insert(0, "")
    # Not 0, with which Linux would still hand the core to a program that the machine may have.
    _limit(resource.RLIMIT_CORE, 1)
    _limit(resource.RLIMIT_DATA, _held + fence.memory_bytes)
    seconds = math.ceil(fence.cpu_seconds)
    _limit(resource.RLIMIT_CPU, seconds, seconds + 1)  # SIGXCPU, which tells, and then SIGKILL
    _limit(resource.RLIMIT_NOFILE, fence.open_files)
    _limit(resource.RLIMIT_FSIZE, fence.file_bytes)
    if fence.processes:
        _limit(resource.RLIMIT_NPROC, fence.processes)
    random.seed(fence.seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(fence.seed % 2**32)


def _limit(what: int, value: int, hard: int | None = None) -> None:
    _, hardest = resource.getrlimit(what)
    wanted = (value, value if hard is None else hard)
    if hardest != resource.RLIM_INFINITY:
        wanted = (min(wanted[0], hardest), min(wanted[1], hardest))
    resource.setrlimit(what, wanted)


def _data_bytes() -> int:
    """What RLIMIT_DATA already counts in this process (Linux; elsewhere its peak size)."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
