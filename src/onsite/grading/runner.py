"""Runs notebooks fast and from a distance: bytes in, result out.

One warm process (zygote.py) forks for each run. This side hands the run its cells one at a time,
keeps what it sends back, and enforces the limits on time and output. Nothing that a run does to
its own process can hurt this one.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from onsite.errors import OnsiteError
from onsite.grading.result import CellResult, CellStatus, Ending, Limits, RunResult
from onsite.grading.wire import (
    Decoder,
    MalformedMessageError,
    Message,
    OversizeMessageError,
    encode,
)

#: What a run sees of this process's environment, besides every ONSITE_ variable.
KEPT_VARIABLES = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
)

#: How long an interrupted cell has to end by itself before the run is killed, in seconds.
INTERRUPT_GRACE = 1.0
#: How long the notebook's own clean-up (atexit) may take after the last cell, in seconds.
EXIT_GRACE = 3.0
#: How long a run may take to accept the next cell, in seconds.
SEND_SECONDS = 10.0
#: How long the warm process may take to start, in seconds.
START_SECONDS = 120.0
#: Room that a message may take beside the output that it carries.
_ENVELOPE = 1 << 16

Stop = Callable[[CellResult], bool]


class RunnerError(Exception):
    """The machinery broke, not the notebook: nothing can be said about the submission."""


class _LostError(Exception):
    """The warm process died under a run."""


class Runner:
    """Runs notebooks in forks of one warm process; safe to use from several threads.

    Args:
        limits: what each run may use.
        environment: variables that the runs see in addition to a short list of this process's.
        seed: what `random` and numpy's global generator are seeded with in each run.
        hash_seed: the runs' PYTHONHASHSEED, 0 to 4294967295.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        seed: int = 0,
        hash_seed: int = 0,
    ) -> None:
        self._limits = limits or Limits()
        self._environment = dict(environment or {})
        self._seed = seed
        self._hash_seed = hash_seed
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm process and every run it forked."""
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()

    def run(
        self,
        notebook: bytes,
        *,
        limits: Limits | None = None,
        leave_out: Collection[int] = (),
        stop: Stop | None = None,
    ) -> RunResult:
        """Run every code cell of a notebook (nbformat 4, JSON) in order in a fresh process.

        A cell that raises does not stop the run. `leave_out` are places of cells that are not run
        and have no result; `stop` is asked after each cell whether the rest may be left out too.

        Raises:
            OnsiteError: `notebook` is not a notebook of format 4.
            RunnerError: the machinery broke; a run may be tried again.
        """
        limits = limits or self._limits
        document = _Document(notebook, leave_out)
        zygote = self._warm()
        try:
            return _Run(zygote, document, limits, self._seed, stop).result()
        except _LostError:
            self._forget(zygote)
        if self._closed:
            raise RunnerError("the runner was closed during the run")
        # Some run has killed the warm process. If it was this one it will do so again, to one
        # of its own, where no other run is hurt.
        alone = self._start()
        try:
            return _Run(alone, _Document(notebook, leave_out), limits, self._seed, stop).result(
                alone=True
            )
        finally:
            alone.close()

    def _warm(self) -> _Zygote:
        with self._lock:
            if self._closed:
                raise RunnerError("the runner is closed")
            if self._zygote is None:
                self._zygote = self._start()
            return self._zygote

    def _start(self) -> _Zygote:
        return _Zygote(self._environment, self._hash_seed)

    def _forget(self, zygote: _Zygote) -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.close()


class _Zygote:
    """The near end of one warm process."""

    def __init__(self, environment: Mapping[str, str], hash_seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="onsite-runner-"))
        # Others may pass through to what a run opens to them, such as a server that must not
        # run as root, but cannot list the folder.
        self.folder.chmod(0o711)
        self._token = secrets.token_hex(16)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self.processes = _process_limit()
        near, far = socket.socketpair()
        self._control = near
        self._log = (self.folder / "zygote.log").open("w+b")
        with far:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "onsite.grading.zygote"),
                    *(str(far.fileno()), str(self.folder)),
                ],
                pass_fds=[far.fileno()],
                env=_environment(environment, hash_seed) | {"ONSITE_RUNNER": self._token},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        near.settimeout(START_SECONDS)
        try:
            self._read_answer()
        except (_LostError, TimeoutError):
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise RunnerError(
                f"the warm process did not start: {said[-1] if said else 'it said nothing'}"
            ) from None
        near.settimeout(None)

    def fork(self, fence: Mapping[str, Any], descriptors: list[int]) -> int:
        """Start a run, which gets the other ends of its channels; its number."""
        number = next(self._numbers)
        self._ask({"do": "fork", "run": number, "fence": fence}, descriptors)
        return number

    def interrupt(self, run: int) -> None:
        """Ask the run to end its cell, as Ctrl-C does."""
        self._ask({"do": "interrupt", "run": run})

    def end(self, run: int) -> int:
        """Kill what is left of the run; the wait status of its process."""
        return int(self._ask({"do": "end", "run": run})["status"])

    def close(self) -> None:
        """End the warm process and all it forked, and remove their folders."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.returncode != 0:
                self._kill_marked()
            self._log.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _kill_marked(self) -> None:
        """Kill what a dead zygote could not: every process with its token in the environment."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("ONSITE_RUNNER") == self._token:
                    process.kill()

    def _ask(self, request: Message, descriptors: list[int] | None = None) -> Message:
        with self._lock:
            if self._closed:
                raise _LostError
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors or [])
            except OSError:
                raise _LostError from None
            return self._read_answer()

    def _read_answer(self) -> Message:
        data = b""
        while not data.endswith(b"\n"):
            try:
                part = self._control.recv(4096)
            except TimeoutError:
                raise
            except OSError:
                part = b""
            if not part:
                raise _LostError
            data += part
        answer: Message = json.loads(data)
        return answer


def _environment(extra: Mapping[str, str], hash_seed: int) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or name.startswith("ONSITE_")
    }
    # One thread each: a process with threads cannot be forked safely, and runs share the cores.
    threads = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        "1",
    )
    return (
        kept
        | threads
        | {
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONSAFEPATH": "1",
            "PYTHONUTF8": "1",
        }
        | dict(extra)
    )


def _process_limit() -> int:
    """The processes and threads this user runs now; 0 for root, whom the system does not count."""
    me = os.getuid()
    if me == 0:
        return 0
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == me:
                count += process.num_threads()
    return count


class _Document:
    """A notebook being executed."""

    def __init__(self, data: bytes, leave_out: Collection[int]) -> None:
        try:
            self.content: dict[str, Any] = json.loads(data)
            cells = self.content["cells"]
            if self.content["nbformat"] != 4:
                raise ValueError
            self.code = [
                (index, cell)
                for index, cell in enumerate(cells)
                if cell["cell_type"] == "code" and index not in leave_out
            ]
            for _, cell in self.code:
                source = cell["source"]
                cell["source"] = source if isinstance(source, str) else "".join(source)
                cell["metadata"] = dict(cell.get("metadata") or {})
                cell["outputs"], cell["execution_count"] = [], None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise OnsiteError(
                "This is not a notebook of nbformat 4; open it in JupyterLab and save it again."
            ) from None

    def dump(self) -> bytes:
        return (json.dumps(self.content, indent=1, ensure_ascii=False) + "\n").encode(
            "utf-8", "replace"
        )


class _Outputs:
    """The outputs of one cell as nbformat has them, up to a limit in bytes."""

    def __init__(self, limit: int, displays: dict[str, list[dict[str, Any]]]) -> None:
        self._left = limit
        self._displays = displays
        self._clear_next = False
        self._items: list[dict[str, Any]] = []
        self.full = False

    def add_text(self, name: str, text: str) -> None:
        """Printed text joins the text before it."""
        if not text or not self._take(len(text)):
            return
        self._maybe_clear()
        last = self._items[-1] if self._items else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"].append(text)
        else:
            self._items.append({"output_type": "stream", "name": name, "text": [text]})

    def add(self, message: Message, count: int) -> None:
        """Any output that came as a message, in the cell with that execution count.

        Raises:
            MalformedMessageError: it is not what it says it is.
        """
        kind = message.get("type")
        if kind == "stream":
            name = message.get("name")
            if name not in ("stdout", "stderr"):
                raise MalformedMessageError(f"no stream is called {name!r}")
            self.add_text(name, str(message.get("text")))
            return
        if kind == "clear_output":
            self._clear_next = True
            if not message.get("wait"):
                self._maybe_clear()
            return
        if kind == "error":
            # Kept even when the cell has used up its room: it says why.
            trace = message.get("traceback")
            self.add_error(
                str(message.get("ename")),
                str(message.get("evalue"))[:100_000],
                [str(line)[:100_000] for line in trace][:200] if isinstance(trace, list) else [],
            )
            return
        if not self._take(len(json.dumps(message.get("data")))):
            return
        bundle = {
            "data": _mime_bundle(message.get("data")),
            "metadata": _object(message.get("metadata")),
        }
        display = message.get("display_id")
        if kind == "update_display_data":
            for shown in self._displays.get(str(display), ()):
                shown.update(bundle)
            return
        if kind not in ("display_data", "execute_result"):
            raise MalformedMessageError(f"no output is called {kind!r}")
        self._maybe_clear()
        output = {"output_type": kind, **bundle}
        if kind == "execute_result":
            output["execution_count"] = count
        elif display is not None:
            self._displays.setdefault(str(display), []).append(output)
        self._items.append(output)

    def add_error(self, name: str, text: str, trace: list[str]) -> None:
        self._items.append(
            {"output_type": "error", "ename": name, "evalue": text, "traceback": trace}
        )

    def last_traceback(self) -> tuple[str, ...]:
        """The traceback of the last error output, if there is one."""
        for item in reversed(self._items):
            if item["output_type"] == "error":
                return tuple(item["traceback"])
        return ()

    def finished(self) -> tuple[dict[str, Any], ...]:
        for item in self._items:
            if item["output_type"] == "stream":
                item["text"] = "".join(item["text"])
        return tuple(self._items)

    def _take(self, size: int) -> bool:
        if self.full:
            return False
        self._left -= size
        self.full = self._left < 0
        return not self.full

    def _maybe_clear(self) -> None:
        if self._clear_next:
            self._items.clear()
            self._clear_next = False


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedMessageError("a JSON object was expected")
    return value


def _mime_bundle(value: object) -> dict[str, Any]:
    return {
        mime: item if isinstance(item, str) or mime.endswith("json") else json.dumps(item)
        for mime, item in _object(value).items()
    }


class _Channels:
    """What connects this side with one run, and what of it has arrived."""

    def __init__(self, message_bytes: int) -> None:
        near, far = socket.socketpair()
        out, far_out = os.pipe()
        err, far_err = os.pipe()
        life, far_life = os.pipe()
        self.far = [far.detach(), far_out, far_err, far_life]
        self._messages = near
        self._life = life
        self._pipes = {out: "stdout", err: "stderr"}
        self._texts = {
            pipe: codecs.getincrementaldecoder("utf-8")("replace") for pipe in self._pipes
        }
        self._decoder = Decoder(message_bytes)
        self._selector = selectors.DefaultSelector()
        near.setblocking(False)
        self._selector.register(near, selectors.EVENT_READ)
        for descriptor in (out, err, life):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        self.alive = True

    def close_far(self) -> None:
        """Let go of the run's ends, which it has by now."""
        for descriptor in self.far:
            os.close(descriptor)
        self.far = []

    def close(self) -> None:
        """Let go of everything."""
        self.close_far()
        self._selector.close()
        self._messages.close()
        for descriptor in (*self._texts, self._life):
            os.close(descriptor)

    def send(self, message: Message) -> None:
        """Send; a run that does not take it is no longer `alive`."""
        try:
            self._messages.settimeout(SEND_SECONDS)
            self._messages.sendall(encode(message))
        except OSError:
            self.alive = False
        finally:
            self._messages.setblocking(False)

    def listen(self, outputs: _Outputs, count: int, seconds: float) -> Message | None:
        """Wait up to `seconds`, hand what arrives to `outputs`; the message that ends the cell."""
        if (done := self._take(b"", outputs, count)) is not None:
            return done
        ready = {key.fileobj for key, _ in self._selector.select(max(0.0, seconds))}
        for pipe in self._pipes.keys() & ready:
            self._read_pipe(pipe, outputs)
        dying = self._life in ready
        if self._messages in ready or dying:
            done = self._read_messages(outputs, count, to_the_end=dying)
        if done is not None or dying:
            for pipe in tuple(self._pipes):
                # As much as a pipe holds; a program in the background may go on writing.
                for _ in range(4):
                    self._read_pipe(pipe, outputs)
        if dying:
            self.alive = False
        return done

    def _read_messages(self, outputs: _Outputs, count: int, *, to_the_end: bool) -> Message | None:
        while True:
            try:
                data = self._messages.recv(1 << 18)
            except BlockingIOError:
                return None
            except OSError:
                data = b""
            if not data:
                self.alive = False
                return None
            if (done := self._take(data, outputs, count)) is not None or not to_the_end:
                return done

    def _take(self, data: bytes, outputs: _Outputs, count: int) -> Message | None:
        while True:
            try:
                for message in self._decoder.feed(data):
                    if message.get("type") == "done":
                        return message
                    outputs.add(message, count)
            except OversizeMessageError:
                outputs.full = True
                data = b""
                continue
            except MalformedMessageError:
                self.alive = False
            return None

    def _read_pipe(self, pipe: int, outputs: _Outputs) -> None:
        if pipe not in self._pipes:
            return
        try:
            data = os.read(pipe, 1 << 16)
        except BlockingIOError:
            return
        outputs.add_text(self._pipes[pipe], self._texts[pipe].decode(data))
        if not data:
            self._selector.unregister(pipe)
            del self._pipes[pipe]


class _Run:
    """One notebook in one forked process."""

    def __init__(
        self, zygote: _Zygote, document: _Document, limits: Limits, seed: int, stop: Stop | None
    ) -> None:
        self._zygote = zygote
        self._document = document
        self._limits = limits
        self._seed = seed
        self._stop = stop
        self._displays: dict[str, list[dict[str, Any]]] = {}
        self._cells: list[CellResult] = []
        self._ending: Ending = "complete"

    def result(self, *, alone: bool = False) -> RunResult:
        """Run it.

        Args:
            alone: no other run shares the warm process, so if that dies it was this run's doing.

        Raises:
            _LostError: the warm process died, and `alone` is false.
        """
        started = time.monotonic()
        self._deadline = started + self._limits.seconds
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._zygote.folder))
        folder.chmod(0o711)
        for name in ("work", "home", "tmp"):
            (folder / name).mkdir()
        self._channels = _Channels(self._limits.output_bytes + _ENVELOPE)
        try:
            self._number = self._zygote.fork(self._fence(folder), self._channels.far)
            self._channels.close_far()
            try:
                self._run_cells()
                self._let_clean_up()
            finally:
                self._zygote.end(self._number)
        except _LostError:
            if not alone:
                raise
            self._ending = "killed"
        finally:
            self._channels.close()
            shutil.rmtree(folder, ignore_errors=True)
        for index, cell in self._document.code[len(self._cells) :]:
            self._add(cell, _not_run(index, cell), None)
        return RunResult(
            tuple(self._cells), self._ending, self._document.dump(), time.monotonic() - started
        )

    def _fence(self, folder: Path) -> dict[str, Any]:
        running = self._zygote.processes
        return {
            "folder": str(folder),
            "memory_bytes": self._limits.memory_bytes,
            "processes": running + self._limits.processes if running else 0,
            "seed": self._seed,
        }

    def _run_cells(self) -> None:
        for count, (index, cell) in enumerate(self._document.code, start=1):
            result = self._run_cell(index, cell, count)
            self._add(cell, result, count)
            if not self._channels.alive:
                self._ending = "timeout" if result.status == "timeout" else "killed"
                return
            if time.monotonic() > self._deadline:
                self._ending = "timeout"
                return
            if self._stop is not None and self._stop(result):
                self._ending = "stopped"
                return

    def _add(self, cell: dict[str, Any], result: CellResult, count: int | None) -> None:
        self._cells.append(result)
        cell["outputs"], cell["execution_count"] = list(result.outputs), count

    def _run_cell(self, index: int, cell: dict[str, Any], count: int) -> CellResult:
        channels, outputs = self._channels, _Outputs(self._limits.output_bytes, self._displays)
        started = time.monotonic()
        deadline = min(started + self._limits.seconds_per_cell, self._deadline)
        passed: CellStatus | None = None
        done: Message | None = None
        channels.send({"type": "cell", "source": cell["source"]})
        while channels.alive:
            done = channels.listen(outputs, count, deadline - time.monotonic())
            late = time.monotonic() > deadline
            if done is not None:
                break
            if passed is not None:
                if late:  # it did not heed the interrupt
                    channels.alive = False
            elif late or outputs.full:
                passed = "timeout" if late else "output_limit"
                self._interrupt()
                deadline = time.monotonic() + INTERRUPT_GRACE
        if passed is None and outputs.full:
            passed = "output_limit"
        status, name, text = self._verdict(passed, done, cell)
        trace = outputs.last_traceback()
        if passed is not None or done is None:
            trace = (f"{name}: {text}",)
            outputs.add_error(name, text, list(trace))
        seconds = time.monotonic() - started
        return CellResult(
            index, _cell_id(index, cell), status, outputs.finished(), name, text, trace, seconds
        )

    def _verdict(
        self, passed: CellStatus | None, done: Message | None, cell: dict[str, Any]
    ) -> tuple[CellStatus, str, str]:
        limits = self._limits
        if passed == "timeout":
            return (
                passed,
                "CellTimeoutError",
                f"the cell ran longer than its {limits.seconds_per_cell:g} s, "
                f"or the notebook longer than its {limits.seconds:g} s",
            )
        if passed == "output_limit":
            return (
                passed,
                "OutputLimitError",
                f"the cell printed or displayed more than {limits.output_bytes:,} bytes",
            )
        if done is None:
            return "killed", "DeadKernelError", "the process that ran the notebook died"
        name = str(done.get("ename") or "")
        expected = "raises-exception" in cell["metadata"].get("tags", ())
        return "error" if name and not expected else "ok", name, str(done.get("evalue") or "")

    def _interrupt(self) -> None:
        try:
            self._zygote.interrupt(self._number)
        except _LostError:
            self._channels.alive = False

    def _let_clean_up(self) -> None:
        """Give what the notebook registered with atexit its time; nobody reads what it prints."""
        unread = _Outputs(0, {})
        deadline = time.monotonic() + EXIT_GRACE
        self._channels.send({"type": "exit"})
        while self._channels.alive and time.monotonic() < deadline:
            self._channels.listen(unread, 0, deadline - time.monotonic())


def _cell_id(index: int, cell: Mapping[str, Any]) -> str:
    return str(cell.get("id") or f"cell-{index}")


def _not_run(index: int, cell: Mapping[str, Any]) -> CellResult:
    name, text = "CellNotRun", "the run had ended before this cell's turn"
    trace = (f"{name}: {text}",)
    output = {"output_type": "error", "ename": name, "evalue": text, "traceback": list(trace)}
    return CellResult(index, _cell_id(index, cell), "not_run", (output,), name, text, trace)
