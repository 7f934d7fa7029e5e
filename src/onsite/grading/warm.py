"""The near end of the warm process: start it, have it fork, have a run ended."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from onsite.grading.errors import LostError, RunnerError
from onsite.grading.forks import Forks, Order
from onsite.grading.launch import Launch, run_environment
from onsite.grading.sandbox.bubblewrap import Sandbox
from onsite.grading.sandbox.init import FOLDER
from onsite.grading.wire import Message
from onsite.services import folders

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

#: How many descriptors a grading process would like to have.
DESCRIPTORS = 1 << 16
#: How long the warm process may take to start, in seconds.
START_SECONDS = 120.0


class WarmProcess:
    """The near end of one warm process."""

    def __init__(
        self,
        environment: Mapping[str, str],
        hash_seed: int,
        optional: Iterable[str],
        sandbox: Sandbox | None,
    ) -> None:
        self.sandboxed = sandbox is not None
        self._folder = None if sandbox else _new_folder()
        self._running = 0 if sandbox else _count_processes()
        self._descriptors = _raise_descriptors()
        self._token = secrets.token_hex(16)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._answer_due = False
        self._closed = False
        self.forks = Forks(self.fork, self.end)
        self.lost = False
        """Whether it has died."""
        near, far = socket.socketpair()
        self._control = near
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        with far, contextlib.ExitStack() as stack:
            if sandbox is not None:
                launch = stack.enter_context(
                    sandbox.zygote(far.fileno(), optional, environment, hash_seed)
                )
            else:
                launch = self._plain(far.fileno(), optional, environment, hash_seed)
            self._process = subprocess.Popen(
                launch.command,
                pass_fds=[far.fileno(), *launch.descriptors],
                env=launch.environment,
                cwd=self._folder or "/",
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        near.settimeout(START_SECONDS)
        try:
            self._read_answer()
        except OSError:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise RunnerError(
                f"the warm process did not start: {said[-1] if said else 'it said nothing'}"
            ) from None
        near.settimeout(None)

    def _plain(
        self, control: int, optional: Iterable[str], environment: Mapping[str, str], hash_seed: int
    ) -> Launch:
        """How it is started without a sandbox."""
        module = (sys.executable, "-P", "-m", "onsite.grading.zygote")
        # What was fetched and made once for servers is found in the cache of whoever grades.
        kept = _kept_environment() | {
            "ONSITE_RUNNER": self._token,
            "ONSITE_RUNTIME": str(folders.home()),
        }
        return Launch(
            (*module, str(control), " ".join(optional), str(self._folder)),
            kept | run_environment(hash_seed) | dict(environment),
        )

    @contextlib.contextmanager
    def room(self) -> Iterator[str]:
        """A folder for one run, as the run sees it."""
        if self._folder is None:
            yield FOLDER
            return
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder))
        folder.chmod(0o711)
        try:
            for name in ("work", "home", "tmp"):
                (folder / name).mkdir()
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def processes(self, more: int) -> int:
        """The limit on processes under which a run may have `more`; 0 for none."""
        if self.sandboxed:  # nobody else has the run's account, but its init
            return more + 1
        return self._running + more if self._running else 0

    def open_files(self, wanted: int) -> int:
        """How many descriptors a run may have, who would like to have so many.

        Each run gets descriptors from this process by a socket. The system lets nobody send more
        while the same user has sent too many that are not received yet; too many is what the sender
        itself may have. So a run, which may be the same user, must be allowed fewer.
        """
        return min(wanted, self._descriptors // 2)

    def fork(self, order: Order, descriptors: list[int]) -> int:
        """Have a run started, which gets the other ends of its channels; its number."""
        number = next(self._numbers)
        # That it was started, its first answer shows.
        self._tell({"do": "fork", "run": number, **order}, descriptors)
        return number

    def interrupt(self, run: int) -> None:
        """Ask the run to end its cell, as Ctrl-C does."""
        self._ask({"do": "interrupt", "run": run})

    def end(self, run: int) -> None:
        """Kill what is left of the run.

        In a sandbox it is the run's own init that does so and says when it is done, which is before
        that has gone as well: nobody need wait for this.
        """
        (self._tell if self.sandboxed else self._ask)({"do": "end", "run": run})

    def close(self) -> None:
        """End the warm process and all it forked, and remove their folders."""
        # Before this side's lock is taken: whoever makes a run has that one's and waits for this.
        self.forks.close()
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
                with contextlib.suppress(psutil.Error):
                    for process in psutil.Process(self._process.pid).children(recursive=True):
                        process.kill()
                self._process.kill()
                self._process.wait()
            self._log.close()
            if self._folder is not None:
                if self._process.returncode != 0:
                    self._kill_marked()
                shutil.rmtree(self._folder, ignore_errors=True)

    def _kill_marked(self) -> None:
        """Kill what a dead zygote could not: every process with its token in the environment."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("ONSITE_RUNNER") == self._token:
                    process.kill()

    def _ask(self, request: Message) -> None:
        """Send, and wait until it was obeyed."""
        self._tell(request)
        with self._obeyed():
            pass

    def _tell(self, request: Message, descriptors: list[int] | None = None) -> None:
        """Send, when all that it was told before was obeyed."""
        with self._obeyed():
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors or [])
            self._answer_due = True

    @contextlib.contextmanager
    def _obeyed(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise LostError
            try:
                if self._answer_due:
                    self._read_answer()
                    self._answer_due = False
                yield
            except OSError:
                self.lost = True
                raise LostError("the warm process died") from None

    def _read_answer(self) -> None:
        data = b""
        while not data.endswith(b"\n"):
            part = self._control.recv(4096)
            if not part:
                raise ConnectionResetError
            data += part


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="onsite-runner-"))
    # Others may pass through to what a run opens to them, such as a server that must not
    # run as root, but cannot list the folder.
    folder.chmod(0o711)
    return folder


def _kept_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or name.startswith("ONSITE_")
    }


def _raise_descriptors() -> int:
    """Let this process have as many descriptors as it may; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _count_processes() -> int:
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
