"""The near end of the warm process: start it, have it fork, have a run ended."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from onsite.grading.errors import LostError, RunnerError
from onsite.grading.wire import Message

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

#: How long the warm process may take to start, in seconds.
START_SECONDS = 120.0


class WarmProcess:
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
        except (LostError, TimeoutError):
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
                raise LostError
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors or [])
            except OSError:
                raise LostError from None
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
                raise LostError
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
