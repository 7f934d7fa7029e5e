"""The warm process: it has imported what notebooks import, and forks once for each run.

It obeys one grading process over a socket, one request at a time:

    {"do": "fork", "run": N, ...}   with the run's four descriptors
    {"do": "interrupt", "run": N}   SIGINT to the run's process
    {"do": "end", "run": N}         kill what is left of the run

each of which it answers with {} when that is done,

and ends, with everything it forked, when that socket closes. How a run's process ended is written
to the fourth of its descriptors, which is closed then. It has one thread, so that forking is
safe. It never runs a cell itself. On Linux it is told of every process that a run leaves behind,
because each run's process is the "subreaper" of its descendants and the zygote that of the runs:
a daemon that has left its session still becomes a child of the zygote, which kills it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import psutil

from onsite.grading import child, preload
from onsite.grading.ended import Ended
from onsite.grading.shell import NotebookShell, make_shell


def warm_up(optional: Iterable[str]) -> NotebookShell:
    """Import what runs will, and do once what is slow the first time: a figure, a traceback.

    A name that is not installed is left out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (*preload.ALWAYS, *optional):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    shell = make_shell()
    if "matplotlib.pyplot" in sys.modules:
        _draw_a_figure()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        shell.run_cell("1 / 0")
        shell.run_cell("None")
    shell.reset()
    shell.user_module.__spec__ = None  # as in a kernel; multiprocessing looks there
    shell.execution_count = 1
    child.prepare()
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, pages shared by all runs
    if threading.active_count() != 1:
        raise RuntimeError(f"a preloaded module started threads: {threading.enumerate()}")
    return shell


def _draw_a_figure() -> None:
    from matplotlib import font_manager, pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2], label="warm")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close("all")
    # Each fork empties it, which takes the fork longer than an empty one.
    font_manager._get_font.cache_clear()  # type: ignore[attr-defined]


class Zygote:
    """The runs that were forked, and how each is ended."""

    def __init__(self, shell: NotebookShell, control: socket.socket) -> None:
        self._shell = shell
        self._control = control
        self._pids: dict[int, int] = {}  # run -> pid, until the run is ended
        self._life: dict[int, int] = {}  # pid -> descriptor held open while the process lives

    def serve(self) -> None:
        """Obey until the grading process is gone."""
        wake_read, wake_write = socket.socketpair()
        for end in (wake_read, wake_write):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self._own = (wake_read, wake_write)
        with selectors.DefaultSelector() as selector:
            selector.register(wake_read, selectors.EVENT_READ)
            selector.register(self._control, selectors.EVENT_READ)
            self._selector = selector
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wake_read:
                        self._drain()
                        self._reap()
                    elif not self._obey():
                        return

    def end_all(self) -> None:
        """Kill every run that is left."""
        for run in tuple(self._pids):
            self._end(run)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._own[0].recv(4096)

    def _obey(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 4)
        if not data:
            return False
        request = json.loads(data)
        match request["do"]:
            case "fork":
                self._fork(request, descriptors)
            case "interrupt":
                pid = self._pids.get(request["run"])
                if pid in self._life:
                    os.kill(pid, signal.SIGINT)
            case "end":
                self._end(request["run"])
        self._control.sendall(b"{}\n")
        return True

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> None:
        channel, out, err, life = descriptors
        pid = self._spawn()
        if pid == 0:
            self._become_run(request, channel, out, err, life)
        for descriptor in (channel, out, err):
            os.close(descriptor)
        self._pids[request["run"]] = pid
        self._life[pid] = life

    def _spawn(self) -> int:
        return os.fork()

    def _enclose(self, request: dict[str, Any], channel: int, life: int) -> int | None:
        """In the fork: let go of what is not the run's, and make sure that its end is seen.

        Returns a descriptor to be closed when the run begins, if somebody waits for that.
        """
        # Another run's end must be seen although this one goes on.
        for descriptor in (life, *self._life.values()):
            os.close(descriptor)
        child.prctl(child.PR_SET_PDEATHSIG, signal.SIGKILL)
        # Whatever this run leaves behind becomes its child, and later its parent's, which kills it.
        child.prctl(child.PR_SET_CHILD_SUBREAPER, 1)
        return None

    def _become_run(
        self, request: dict[str, Any], channel: int, out: int, err: int, life: int
    ) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            self._control.close()
            for end in self._own:
                end.close()
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.close(out)
            os.close(err)
            waiting = self._enclose(request, channel, life)
            fence = child.Fence(**request["fence"])
            child.run(self._shell, socket.socket(fileno=channel), fence, waiting)
            code = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._note(pid, status)

    def _note(self, pid: int, status: int | None) -> None:
        """Say how a run's process ended: None for by this process's doing."""
        if pid in self._life:
            life = self._life.pop(pid)
            with contextlib.suppress(OSError):  # nobody listens any more
                os.write(life, Ended(status).dump())
            os.close(life)

    def _end(self, run: int) -> None:
        """Kill the run's process and all its descendants."""
        pid = self._pids.pop(run)
        self._reap()
        if pid in self._life:
            strays = psutil.Process(pid).children(recursive=True)
            for stray in strays:
                with contextlib.suppress(psutil.Error):
                    stray.kill()
            os.kill(pid, signal.SIGKILL)
            self._note(pid, None)
            os.waitpid(pid, 0)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        self._kill_strays()

    def _kill_strays(self) -> None:
        """Kill what runs that have ended left to this process, until nothing is left."""
        deadline = time.monotonic() + 10
        while len(self._life) < _child_count() and time.monotonic() < deadline:
            for process in psutil.Process().children():
                if process.pid not in self._life:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
            self._reap()
            time.sleep(0.001)


def _child_count() -> int:
    """How many children this process has, dead ones included."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return len(children.read_text().split())
    except OSError:
        return len(psutil.Process().children())


def serve(zygote: Zygote, control: socket.socket) -> None:
    """Say that it is warm, and obey until the grading process is gone."""
    control.sendall(b'{"ready": true}\n')
    with contextlib.suppress(ConnectionError):  # the grading process was killed
        zygote.serve()


def main(descriptor: int, optional: Iterable[str], folder: str) -> None:
    """Warm up and serve; `folder` holds the runs' folders and goes at the end."""
    control = socket.socket(fileno=descriptor)
    child.prctl(child.PR_SET_CHILD_SUBREAPER, 1)
    zygote = Zygote(warm_up(optional), control)
    try:
        serve(zygote, control)
    finally:
        zygote.end_all()
        # The grading process does this too, unless it was killed.
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # Run the importable module, so that its classes are not those of `__main__`, which belongs
    # to the notebooks.
    from onsite.grading.zygote import main as imported_main

    imported_main(int(sys.argv[1]), sys.argv[2].split(), sys.argv[3])
