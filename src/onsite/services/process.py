"""The common life cycle of every server: `launch(recipe)` gives a `Server`.

This is the owner's side. The other side is keeper.py, a process of its own for each server.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onsite.errors import OnsiteError
from onsite.services import folders
from onsite.services.account import Account, server_account

KEEPER = Path(__file__).with_name("keeper.py")
PORTS = range(20_000, 30_000)
"""Below the ports that kernels hand to outgoing connections. Such a connection could take a port
that was just found free, or, to a server that is stopped for a moment, even connect to itself."""
ATTEMPTS = 5
START_SECONDS = 30.0
"""How long a server may take on a machine that is very busy."""
LOG_LINES = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to run one kind of server."""

    service: str
    """Its true name, such as Valkey."""
    version: str
    origin: str
    """Where the program came from."""
    prepare: Callable[[Path, int], Sequence[str]]
    """Fills the empty data folder for a port; returns the command, which runs in that folder."""
    ready: Callable[[Path, int], bool]
    """Whether the server on that port answers now."""
    stop_signal: signal.Signals
    """Ends it quickly; its data is deleted anyway."""
    patience: float = 5.0
    """Seconds until it is killed instead."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the server is told in addition to `server_environment()`."""
    log_lines: int = LOG_LINES
    """How much of its log says why it did not start."""
    account: Callable[[], Account | None] = server_account
    """Finds whom it runs as; None: the current user."""
    logs: tuple[str, ...] = ()
    """Files in the data folder that it appends to; the keeper keeps them from growing for ever."""
    taken: str = "Address already in use"
    """What its log says, in upper or lower case, when somebody else has the port."""
    address: str = ""
    """Where it is, for `onsite services`; empty: 127.0.0.1 and its port."""


class Server:
    """One running server, owned by this process.

    It ends when `close` is called, when this process ends in any way, or when its keeper is told
    to by `onsite services stop`. A forked child may talk to it but cannot stop it.
    """

    def __init__(self, recipe: Recipe, port: int) -> None:
        """Start what `recipe` says on 127.0.0.1:`port`.

        Raises:
            OnsiteError: it did not start; the message has the end of its log.
        """
        self.recipe = recipe
        self.port = port
        self.owner = os.getpid()
        self.folder, lock = folders.new_server_folder()
        self._state = "starting"
        self._events = b""
        self._listening = threading.Lock()
        self._keeper: subprocess.Popen[bytes] | None = None
        try:
            order = self._order()
            with (self.folder / "log").open("ab") as log:
                self._keeper = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(KEEPER)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    bufsize=0,
                    pass_fds=(lock,),
                    start_new_session=True,  # Ctrl-C and a kernel's interrupt are not for servers
                )
        except BaseException:
            folders.free_tree(self.folder)
            raise
        finally:
            os.close(lock)
        _servers.append(self)
        try:
            self._send(json.dumps(order))
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _order(self) -> dict[str, Any]:
        """What the keeper needs to know; see keeper.py."""
        recipe, data, account = self.recipe, self.folder / "data", self.recipe.account()
        command = [str(word) for word in recipe.prepare(data, self.port)]
        if account is not None:
            account.owns(data)
        return {
            "owner": self.owner,
            "folder": str(self.folder),
            "command": command,
            "environment": server_environment() | dict(recipe.environment),
            "account": account and [account.uid, account.gid],
            "stop_signal": int(recipe.stop_signal),
            "patience": recipe.patience,
            "logs": [f"data/{name}" for name in recipe.logs],
            "about": {
                "service": recipe.service,
                "version": recipe.version,
                "origin": recipe.origin,
                "address": recipe.address or f"127.0.0.1:{self.port}",
            },
        }

    # --- for handles ---

    @property
    def state(self) -> str:
        """`running`, `stopped`, `closed`, or how it ended, as far as the keeper has said."""
        self._listen(0)
        return self._state

    def is_running(self) -> bool:
        """Whether clients can reach it now."""
        return self.state == "running"

    def log_tail(self, lines: int = LOG_LINES) -> str:
        """The last lines that the server wrote."""
        try:
            with (self.folder / "log").open(encoding="utf-8", errors="replace") as log:
                return "".join(deque(log, maxlen=lines)).rstrip()
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """End the server but keep its port and its folder for `start`.

        Raises:
            OnsiteError: this process does not own the server.
        """
        self._require_owner("stop")
        if self.is_running():
            self._send("stop")
            self._listen_until("stopped", "closed")

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would; `start` brings it back.

        Raises:
            OnsiteError: this process does not own the server.
        """
        self._require_owner("kill")
        if self.is_running():
            self._send("kill")
            self._listen_until("stopped", "closed")

    def start(self) -> None:
        """Start a stopped server again, on the same port and data.

        Raises:
            OnsiteError: it does not start, or this process does not own it.
        """
        self._require_owner("start")
        if self.is_running():
            return
        if self._state == "closed":
            raise OnsiteError(f"this {self.recipe.service} has ended for good; make a new one.")
        self._state = "starting"
        self._send("start")
        self._await_ready()

    def close(self) -> None:
        """End the server and delete its folder. Harmless when repeated, and in a forked child."""
        if os.getpid() != self.owner or self not in _servers:
            return
        _servers.remove(self)
        keeper = self._keeper
        assert keeper is not None and keeper.stdin and keeper.stdout  # noqa: S101
        keeper.stdin.close()  # this is what tells it
        try:
            keeper.wait(self.recipe.patience + 5)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
            folders.clean()
        with self._listening:
            keeper.stdout.close()
            self._state = "closed"

    def forget(self) -> None:
        """In a forked child: let go of the pipes, which belong to the parent."""
        keeper = self._keeper
        if keeper is not None and keeper.stdin and keeper.stdout:
            for pipe in (keeper.stdin, keeper.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
            keeper.returncode = 0  # not ours to wait for

    # --- the talk with the keeper ---

    def _require_owner(self, verb: str) -> None:
        if os.getpid() != self.owner:
            raise OnsiteError(
                f"only process {self.owner}, which started this {self.recipe.service}, "
                f"can {verb} it."
            )

    def _send(self, line: str) -> None:
        assert self._keeper is not None and self._keeper.stdin  # noqa: S101
        with contextlib.suppress(OSError):  # a dead keeper is noticed by listening
            self._keeper.stdin.write(line.encode() + b"\n")

    def _listen(self, seconds: float) -> None:
        """Take in what the keeper says within `seconds`, returning at its first words."""
        if os.getpid() != self.owner:
            return
        with self._listening:  # a notebook's threads may ask at the same time
            while self._state != "closed":
                assert self._keeper is not None and self._keeper.stdout  # noqa: S101
                if not select.select([self._keeper.stdout], [], [], seconds)[0]:
                    return
                chunk = os.read(self._keeper.stdout.fileno(), 4096)
                *lines, self._events = (self._events + chunk).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
                if not chunk:  # the keeper is gone
                    self._state = "closed"
                seconds = 0

    def _take(self, event: dict[str, Any]) -> None:
        match event:
            case {"event": "started"}:
                self._state = "started"
            case {"event": "failed", "reason": reason}:
                self._state = f"failed: {reason}"
            case {"event": "exited", "code": code}:
                self._state = f"exited with code {code}" if code >= 0 else f"killed by {-code}"
            case {"event": "stopped"}:
                self._state = "stopped"

    def _listen_until(self, *states: str) -> None:
        deadline = time.monotonic() + self.recipe.patience + 5
        while self._state not in states and time.monotonic() < deadline:
            self._listen(0.1)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        pause = 0.002
        while True:
            self._listen(pause)
            if self._state == "started" and self.recipe.ready(self.folder / "data", self.port):
                # an answer counts only when our own server is alive: it may be somebody else's
                self._listen(0)
                if self._state == "started":
                    self._state = "running"
                    return
            if self._state not in ("starting", "started"):
                reason = self._state
            elif time.monotonic() > deadline:
                reason = f"no answer within {START_SECONDS:.0f} s"
            else:
                time.sleep(pause)
                pause = min(pause * 1.3, 0.05)
                continue
            raise OnsiteError(self._failure(reason))

    def _failure(self, reason: str) -> str:
        head = f"{self.recipe.service} {self.recipe.version} did not start ({reason})"
        tail = self.log_tail(self.recipe.log_lines)
        if not tail:
            return f"{head} and left no log; it came from {self.recipe.origin}."
        return f"{head}. The end of its log:\n{tail}"


def launch(recipe: Recipe) -> Server:
    """Start a server on a free port of 127.0.0.1, on another one when that is taken meanwhile.

    Raises:
        OnsiteError: it did not start; the message has the end of its log.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return Server(recipe, free_port())
        except OnsiteError as error:
            if recipe.taken.lower() not in str(error).lower() or not left:
                raise
        except OSError as error:
            raise OnsiteError(
                f"{recipe.service} cannot be started below {folders.home()}: "
                f"{error.strerror or error}; free room there, or set ONSITE_RUNTIME to another "
                "folder."
            ) from error
    raise AssertionError("unreachable")


def free_port() -> int:
    """Find a TCP port that nobody listens on at 127.0.0.1.

    The choice does not use the `random` module, which notebooks seed: two would choose the same.
    """
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def server_environment() -> dict[str, str]:
    """The environment of servers: messages in English, and nothing meant for other programs."""
    kept = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def fill(
    data: Path,
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    words: str | None = None,
) -> None:
    """Run a program that fills the folder `data`, as the account that servers run as.

    Args:
        data: the folder, which is given to that account, and where the program runs.
        command: the program and its arguments.
        environment: what it is told in addition to `server_environment()`.
        words: what it reads from its standard input.

    Raises:
        OnsiteError: it failed; the message has the end of what it said.
    """
    account = server_account()
    identity: dict[str, Any] = {}
    if account is not None:
        account.owns(data)
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            done = subprocess.run(
                command,
                cwd=data,
                env=server_environment() | dict(environment or {}),
                input=words or "",
                stdout=log,
                stderr=log,
                text=True,
                umask=0o077,
                timeout=START_SECONDS,
                **identity,
            )
            what = "failed" if done.returncode else ""
        except subprocess.TimeoutExpired:  # MariaDB waits for a full disk to be cleared
            what = f"did not end within {START_SECONDS:.0f} s"
        if what:
            log.seek(0)
            said = deque(log, maxlen=LOG_LINES)
            raise OnsiteError(f"{Path(command[0]).name} {what}:\n{''.join(said).rstrip()}")


_servers: list[Server] = []
lock = threading.RLock()
"""Held while a process-wide server is looked up or started."""


def close_servers() -> None:
    """End every server of this process."""
    for server in _servers.copy():
        server.close()


def _after_fork() -> None:
    """A child starts without servers, and with a lock that no other thread holds."""
    global lock
    lock = threading.RLock()
    for server in _servers:
        server.forget()
    _servers.clear()


os.register_at_fork(after_in_child=_after_fork)
