"""What a forked run does: fences itself in, then runs the cells it is sent, one at a time."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import math
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onsite.grading.shell import NotebookShell, text_of
from onsite.grading.wire import Message, encode, receive

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


class Sender:
    """Sends whole messages, from any thread of the run but from none of the processes it forks.

    An interrupt must not cut a message in two, so one that arrives meanwhile waits for its end.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._busy_in: int | None = None
        self._interrupted = False

    def __call__(self, message: Message) -> None:
        """Send `message`."""
        if os.getpid() != self._owner:
            return
        frame = encode(message)
        with self._lock:
            self._busy_in = threading.get_ident()
            try:
                self._channel.sendall(frame)
            finally:
                self._busy_in = None
        if self._interrupted and threading.current_thread() is threading.main_thread():
            self._interrupted = False
            raise KeyboardInterrupt

    def interrupt(self, _signal: int, _frame: object) -> None:
        """The handler of SIGINT; Python calls it in the main thread."""
        if self._busy_in == threading.main_thread().ident:
            self._interrupted = True
        else:
            raise KeyboardInterrupt


def prctl(option: int, value: int) -> None:
    """Call Linux's prctl; elsewhere do nothing, because it only adds to what the parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def run(shell: NotebookShell, channel: socket.socket, fence: Fence) -> None:
    """Run cells until the grading process says that it was the last one."""
    _enclose(fence)
    owner = os.getpid()
    emit = Sender(channel)
    signal.signal(signal.SIGINT, emit.interrupt)
    shell.connect(emit)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    while (cell := _next(loop, channel)) is not None and cell.get("type") == "cell":
        done = _run_cell(shell, loop, cell)
        if os.getpid() != owner:  # the cell forked, and this is the copy
            os._exit(0)
        emit({"type": "done", **done})
        if loop.is_closed():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
    # Handlers registered by the notebook close its servers and connections.
    atexit._run_exitfuncs()


def _enclose(fence: Fence) -> None:
    os.setsid()
    folder = Path(fence.folder)
    os.chdir(folder / "work")
    os.environ["HOME"] = str(folder / "home")
    os.environ["IPYTHONDIR"] = str(folder / "home" / ".ipython")
    os.environ["TMPDIR"] = str(folder / "tmp")
    tempfile.tempdir = None
    sys.path.insert(0, "")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, _data_bytes() + fence.memory_bytes)
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


def _next(loop: asyncio.AbstractEventLoop, channel: socket.socket) -> Message | None:
    """The next message; tasks that earlier cells started go on while it is awaited."""

    async def readable() -> None:
        ready = asyncio.Event()
        loop.add_reader(channel, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(channel)

    while True:
        try:
            loop.run_until_complete(readable())
            return receive(channel)
        except KeyboardInterrupt:  # it was meant for the cell that has just ended
            continue


def _run_cell(
    shell: NotebookShell, loop: asyncio.AbstractEventLoop, cell: Message
) -> dict[str, Any]:
    """Run one cell as a kernel does: inside a running event loop, sync or async."""
    started = time.perf_counter()
    try:
        error = _execute(shell, loop, cell["source"])
    except BaseException as escaped:
        # run_until_complete lets SystemExit and KeyboardInterrupt through.
        error = escaped
        shell.showtraceback((type(escaped), escaped, escaped.__traceback__))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: S110 - a cell may have replaced them with anything
        pass
    return {
        "seconds": time.perf_counter() - started,
        "ename": type(error).__name__ if error is not None else "",
        "evalue": text_of(error) if error is not None else "",
    }


def _execute(
    shell: NotebookShell, loop: asyncio.AbstractEventLoop, source: str
) -> BaseException | None:
    broken = None
    try:
        transformed = shell.transform_cell(source)
    except Exception:
        transformed, broken = source, sys.exc_info()
    task = loop.create_task(
        shell.run_cell_async(
            source,
            store_history=True,
            transformed_cell=transformed,
            preprocessing_exc_tuple=broken,
        )
    )
    try:
        result = loop.run_until_complete(task)
    except KeyboardInterrupt:
        if task.done():
            raise
        task.cancel()
        result = loop.run_until_complete(task)
    finally:
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", shell.last_execution_result)
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error
