"""An IPython shell whose outputs leave as messages instead of reaching a terminal."""

from __future__ import annotations

import base64
import builtins
import io
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from onsite.grading.referee.constants import REFEREE
from onsite.grading.wire import Message

Emit = Callable[[Message], None]

#: What the names begin with that code has which is not the student's: see judge.py and bind.py.
_INSTRUCTORS = ("<instructor ", "<check ", REFEREE)


def _data(bundle: dict[str, Any]) -> dict[str, Any]:
    """A MIME bundle as a notebook stores it: bytes as base64."""
    return {
        str(mime): base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for mime, value in bundle.items()
    }


class _Publisher(DisplayPublisher):
    """display(...) and everything built on it."""

    shell: NotebookShell

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *_source: object,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_more: object,
    ) -> None:
        self.shell.emit(
            {
                "type": "update_display_data" if update else "display_data",
                "data": _data(data),
                "metadata": metadata or {},
                "display_id": (transient or {}).get("display_id"),
            }
        )

    def clear_output(self, wait: bool = False) -> None:
        self.shell.emit({"type": "clear_output", "wait": bool(wait)})


class _Hook(DisplayHook):
    """The value of a cell's last expression."""

    shell: NotebookShell

    def write_output_prompt(self) -> None:
        """A notebook numbers its outputs in `execution_count`."""

    def write_format_data(
        self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
    ) -> None:
        self.shell.emit(
            {"type": "execute_result", "data": _data(format_dict), "metadata": md_dict or {}}
        )

    def finish_displayhook(self) -> None:
        """Nothing is buffered here."""


class NotebookShell(InteractiveShell):
    """IPython as a notebook has it, without a kernel around it."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    emit: Emit = staticmethod(lambda message: None)

    def connect(self, emit: Emit) -> None:
        """Send outputs, what is printed included, to `emit` from now on."""
        self.emit = emit
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            stream = Stream(name, descriptor, emit)
            # Both names: a cell may use either, and the originals lead nowhere.
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        builtins.input = _no_input

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **more: Any) -> None:
        """Show where an error came by, but not the instructor's code, which nobody may read."""
        error = (exc_tuple or sys.exc_info())[1]
        seen: set[int] = set()
        todo = [error]
        while todo:
            one = todo.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                one.__traceback__ = own_part(one.__traceback__)
                todo += [one.__cause__, one.__context__]
        if exc_tuple is not None and error is not None:
            exc_tuple = (exc_tuple[0], error, error.__traceback__)
        super().showtraceback(exc_tuple, *args, **more)

    def _showtraceback(self, etype: type, evalue: BaseException | None, stb: list[str]) -> None:
        self.emit(
            {
                "type": "error",
                "ename": str(getattr(etype, "__name__", etype)),
                "evalue": text_of(evalue),
                "traceback": [str(line) for line in stb],
            }
        )

    def _format_exception_for_storage(self, *_args: Any, **_more: Any) -> dict[str, Any]:
        """Spare every failure a second formatting: nobody reads IPython's own record of it."""
        return {}

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen: figures are inline, and any other event loop is ignored."""


def own_part(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of instructor's cells, and of the referee.

    Their code is read by nobody, not here either.
    """
    kept = []
    while trace is not None:
        file = repr(trace.tb_frame).partition("file '")[2]
        if not file.startswith(_INSTRUCTORS):
            kept.append(trace)
        trace = trace.tb_next
    for each in reversed(kept):
        trace = TracebackType(trace, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return trace


def text_of(error: BaseException | None) -> str:
    """The text of an exception whose own `__str__` may be broken."""
    try:
        return str(error)
    except Exception as broken:
        return f"<the exception's __str__ raised {type(broken).__name__}>"


def _no_input(prompt: object = "") -> str:
    raise StdinNotImplementedError("input() has nobody to ask in an automatic run.")


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of a run: each full line leaves as a message at once.

    Waiting for more would lose the last words of a cell that dies. A process forked by a cell
    must not write into its parent's messages, so there text goes to the file descriptor.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, descriptor: int, emit: Emit) -> None:
        self.name = name
        self._descriptor = descriptor
        self._emit = emit
        self._owner = os.getpid()
        self._parts: list[str] = []
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Send `text`, at the latest with the end of its line."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() != self._owner:
            os.write(self._descriptor, text.encode("utf-8", "replace"))
            return len(text)
        with self._lock:
            self._parts.append(text)
            if "\n" in text or len(self._parts) > 100 or len(text) > 4096:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is held back."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            text = "".join(self._parts)
            self._parts.clear()
            # In pieces, so that the reader can apply its limit before it holds all of it.
            for start in range(0, len(text), 1 << 16):
                piece = text[start : start + (1 << 16)]
                self._emit({"type": "stream", "name": self.name, "text": piece})

    def fileno(self) -> int:
        """The descriptor that programs started by a cell write to."""
        return self._descriptor

    def writable(self) -> bool:
        """Always."""
        return True


def make_shell() -> NotebookShell:
    """The one shell of this process, leaving nothing on disk.

    Figures are inline: matplotlib's inline backend, which the environment asks for, makes the shell
    ready for them when the first one is drawn.
    """
    config = Config()
    config.HistoryManager.enabled = False
    # Without this the shell would start SQLite's writer thread, and a process with threads
    # cannot be forked safely.
    config.HistoryManager.hist_file = ":memory:"
    shell: NotebookShell = NotebookShell.instance(config=config)
    shell.atexit_operations = lambda: None  # type: ignore[method-assign]
    return shell
