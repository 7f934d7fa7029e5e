"""supervisord: `sv = supervisor({"worker": [...]})` keeps programs running."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import signal
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.account import python_account
from onsite.services.family import listens
from onsite.services.python_program import installed_version, python_environment
from onsite.services.server_handle import ServerHandle

Program = str | Sequence[str] | Mapping[str, Any]
"""A command as one string or as words, or supervisord's own options, of which `command` is one."""
DEFAULTS = {
    "autorestart": "true",
    "stopwaitsecs": 2,
    "redirect_stderr": "true",
    "stdout_logfile_maxbytes": "1MB",
    "stdout_logfile_backups": 1,
}
_MAIN = """\
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
pidfile = supervisord.pid
childlogdir = {data}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[inet_http_server]
port = 127.0.0.1:{port}
username = onsite
password = {password}
"""
_EVENT = re.compile(
    r"(\S+ \S+),(\d+) \w+ (spawned|success|exited|stopped|gave up): '?([\w:.-]+)'? (.*)"
)


class Supervisor(ServerHandle):
    """A supervisord and its programs.

    `stop`, `kill` and `start` are for supervisord itself; for its programs there are
    `stop_program`, `kill_program` and `start_program`. A program's name is that given to
    `supervisor()`, or group:name when it has several processes, as in `status()`.
    """

    service = "supervisord"
    call = "supervisor"
    variable = ""  # there is nothing of the user's own to take instead

    def __init__(self, password: str, server: process.Server) -> None:
        """Stand for `server`, whose user `onsite` has `password`."""
        self.version = server.recipe.version
        self._password = password
        super().__init__(f"127.0.0.1:{server.port}", server)

    @property
    def url(self) -> str:
        """The address of its page, and, with /RPC2, of its XML-RPC; it has a password."""
        self._require_open()
        return f"http://onsite:{self._password}@{self._address}"

    @property
    def rpc(self) -> Any:
        """Its whole XML-RPC: `sv.rpc.supervisor.getAllProcessInfo()`. One for each thread."""
        return xmlrpc.client.ServerProxy(f"{self.url}/RPC2", allow_none=True)

    def status(self) -> list[dict[str, Any]]:
        """What becomes of each process now.

        Returns:
            Rows with `name`, `state` (STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED,
            FATAL), `pid` (None: it has none), `seconds` (since it was started or ended; None: it
            never was) and `exit_code` (of the last end).
        """
        return [_row(info) for info in self._call("getAllProcessInfo")]

    def program(self, name: str) -> dict[str, Any]:
        """The row of `status()` for one process.

        Raises:
            OnsiteError: there is no such program.
        """
        return _row(self._call("getProcessInfo", name))

    def start_program(self, name: str) -> None:
        """Start a stopped program and wait until it runs."""
        self._call("startProcess", name)

    def stop_program(self, name: str) -> None:
        """Stop a program in order and wait until it has ended; it is not started again."""
        self._call("stopProcess", name)

    def kill_program(self, name: str) -> int:
        """Kill a program's process behind supervisord's back, and wait until that is noticed.

        Returns:
            The id of the process that was killed.
        """
        pid = self.program(name)["pid"]
        if pid is None:
            raise OnsiteError(f"the program {name} has no process to kill.")
        os.kill(pid, signal.SIGKILL)
        self._await(lambda row: row["pid"] != pid, name, 10)
        return int(pid)

    def wait(self, name: str, state: str = "RUNNING", seconds: float = 10) -> dict[str, Any]:
        """Wait until a program is in `state`; its row of `status()`.

        Raises:
            OnsiteError: it is not within `seconds`.
        """
        return self._await(lambda row: row["state"] == state, name, seconds)

    def output(self, name: str, size: int = 10_000) -> str:
        """The end of what a program has written, at most `size` bytes."""
        text: str = self._call("tailProcessStdoutLog", name, 0, size)[0]
        return text

    def events(self) -> list[dict[str, Any]]:
        """What supervisord did and saw, oldest first, from its log.

        Returns:
            Rows with `time` (a datetime, local and without a zone), `program`, `event` (spawned,
            success, exited, stopped, gave up) and `detail`, in supervisord's words.
        """
        text = (self._private().folder / "log").read_text(encoding="utf-8", errors="replace")
        return [
            {
                "time": datetime.fromisoformat(f"{found[1]}.{found[2]}"),
                "program": found[4],
                "event": found[3],
                "detail": found[5],
            }
            for found in map(_EVENT.match, text.splitlines())
            if found
        ]

    def _await(self, condition: Any, name: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not condition(row := self.program(name)):
            if time.monotonic() > deadline:
                raise OnsiteError(
                    f"the program {name} is still {row['state']} after {seconds:g} s. "
                    f"The end of what it wrote:\n{self.output(name, 1000)}"
                )
            time.sleep(0.02)
        return row

    def _call(self, method: str, *arguments: Any) -> Any:
        self._private()
        try:
            with self.rpc as server:
                return getattr(server.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise OnsiteError(f"supervisord refuses {method}: {fault.faultString}") from None
        except OSError:
            raise OnsiteError(f"this supervisord is {self.state}.") from None

    def _release(self) -> None:
        if self._server is not None:
            self._server.kill()  # its programs go with it, and nobody waits for their ends
            self._server.close()

    def _facts(self) -> tuple[str, ...]:
        states = "not running"
        with contextlib.suppress(OnsiteError):  # closed or stopped
            states = ", ".join(f"{row['name']} {row['state']}" for row in self.status())
        return (states or "no programs", *super()._facts())


def supervisor(programs: Mapping[str, Program]) -> Supervisor:
    """Start a supervisord that keeps `programs` running; each call starts another.

    Args:
        programs: by their names, commands such as `["python", "worker.py"]`, or supervisord's own
            options, such as `{"command": "python worker.py", "numprocs": 4}`. `python` is the one
            of this notebook, and the current folder the notebook's.

    Raises:
        OnsiteError: supervisor is not installed, does not accept an option, or does not start.
    """
    for name, program in programs.items():
        if not re.fullmatch(r"[\w.-]+", name):
            raise OnsiteError(f"a program's name has letters, digits, _, . and -, not {name!r}.")
        if isinstance(program, Mapping) and "command" not in program:
            raise OnsiteError(f"the program {name} has no `command`.")
    version = installed_version("supervisor", "supervisor")
    password = secrets.token_hex(8)
    server = process.launch(
        process.Recipe(
            service=Supervisor.service,
            version=version,
            origin=f"package supervisor {version}",
            prepare=partial(_prepare, programs, password),
            ready=_ready,
            stop_signal=signal.SIGTERM,
            environment=python_environment(),
            account=python_account,
            taken="already listening on a port",
        )
    )
    return Supervisor(password, server)


def _prepare(
    programs: Mapping[str, Program], password: str, data: Path, port: int
) -> Sequence[str]:
    account, here = python_account(), Path.cwd()
    folder = here if account is None or account.can_enter(here) else data
    text = _MAIN.format(data=_escaped(data), port=port, password=password)
    for name, program in programs.items():
        options = DEFAULTS | {"directory": _escaped(folder)} | _options(program)
        text += f"[program:{name}]\n"
        text += "".join(f"{key} = {value}\n" for key, value in options.items())
    (data / "supervisord.conf").write_text(text, encoding="utf-8")
    return (sys.executable, "-m", "supervisor.supervisord", "-n", "-c", "supervisord.conf")


def _options(program: Program) -> dict[str, Any]:
    """Options of supervisord for a program; those that are given as such are left as they are."""
    if isinstance(program, Mapping):
        command = program["command"]
        words = command if isinstance(command, str) else _escaped(shlex.join(command))
        return dict(program) | {"command": words}
    return {"command": _escaped(program if isinstance(program, str) else shlex.join(program))}


def _escaped(value: object) -> str:
    """A value for supervisord's file, where % begins a name and lines go on when indented."""
    return str(value).replace("%", "%%").replace("\n", "\n ")


def _ready(data: Path, port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)):
            return False
    return listens(data.parent, port)


def _row(info: dict[str, Any]) -> dict[str, Any]:
    several = info["group"] != info["name"]
    since = info["start"] if info["statename"] in ("RUNNING", "STARTING") else info["stop"]
    return {
        "name": f"{info['group']}:{info['name']}" if several else info["name"],
        "state": info["statename"],
        "pid": info["pid"] or None,
        "seconds": info["now"] - since if since else None,
        "exit_code": info["exitstatus"],
    }
