"""How a run executes a cell of the student's, and how it waits for the next one.

All of this can be seen and changed by the cells. Nothing that is decided here counts: what the
checks prove is the referee's business.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from onsite.grading.shell import NotebookShell, own_part, text_of
from onsite.grading.wire import Message, encode

#: An error's name, its text, and the lines it came by: number, function and text of each.
Said = tuple[str, str, list[list[Any]]]
#: How many of those are told.
_FRAMES = 10


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


def wait(descriptor: int, loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Wait until the referee has something to read; tasks that cells have started go on meanwhile.

    Returns the event loop for the next cell: another one if a cell has closed it.
    """
    if loop.is_closed():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

    async def readable() -> None:
        ready = asyncio.Event()
        loop.add_reader(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(descriptor)

    while True:
        try:
            loop.run_until_complete(readable())
            return loop
        except KeyboardInterrupt:  # it was meant for the cell that has just ended
            continue


def student_cell(shell: NotebookShell, loop: asyncio.AbstractEventLoop, source: str) -> Said:
    """Run one cell as a kernel does: inside a running event loop, sync or async.

    Returns what there is to say of the error it ended with.
    """
    try:
        error = _execute(shell, loop, source)
    except BaseException as escaped:
        # run_until_complete lets SystemExit and KeyboardInterrupt through.
        error = escaped
        shell.showtraceback((type(escaped), escaped, escaped.__traceback__))
    finish()
    return describe(error)


def finish() -> None:
    """Send what a cell has printed."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: S110 - a cell may have replaced them with anything
        pass


def describe(error: BaseException | None) -> Said:
    """An error's name and text, and where in the notebook's own cells it came by."""
    if error is None:
        return "", "", []
    try:
        own = [
            [frame.lineno or 0, frame.name, frame.line or ""]
            for frame in traceback.extract_tb(own_part(error.__traceback__))
            if frame.filename.startswith("<ipython-input")
        ]
    except Exception:  # whatever a cell has made of tracebacks
        own = []
    return str(type(error).__name__), text_of(error), own[-_FRAMES:]


def stop() -> NoReturn:
    """End the run; handlers registered by the notebook close its servers and connections."""
    atexit._run_exitfuncs()
    os._exit(0)


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
