"""A runtime folder of the tests' own, and processes that own servers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from onsite.services import folders, handle

SOURCE = Path(folders.__file__).parents[2]
PATIENCE = 20.0


@pytest.fixture(autouse=True, scope="session")
def runtime() -> Iterator[Path]:
    """A runtime folder for these tests; it must be empty of servers when they end."""
    # not pytest's own temporary folder: root's is 0700, and servers of root run as nobody
    folder = Path(tempfile.mkdtemp(prefix="onsite-tests-"))
    folder.chmod(0o711)
    before = os.environ.get("ONSITE_RUNTIME")
    os.environ["ONSITE_RUNTIME"] = str(folder / "runtime")
    yield folder / "runtime"
    handle.close_all()
    left = list(folders.server_folders())
    if before is None:
        del os.environ["ONSITE_RUNTIME"]
    else:
        os.environ["ONSITE_RUNTIME"] = before
    shutil.rmtree(folder)
    assert not left, f"servers were left behind: {left}"


@pytest.fixture(autouse=True)
def no_servers_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have servers of their own; they are not for tests."""
    monkeypatch.delenv("ONSITE_POSTGRES_URL", raising=False)
    monkeypatch.delenv("ONSITE_REDIS_URL", raising=False)


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_open(port: int) -> bool:
    """Whether somebody listens at 127.0.0.1:`port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait, within bounds, for `condition`."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {PATIENCE} s: {what}"
        time.sleep(0.02)


class Owner:
    """A Python process that owns servers and says what it has as JSON lines.

    Its code may use `say(value)`, `describe(server)` and `sys.stdin.readline()`.
    """

    PRELUDE = """
import json, os, sys, signal, time
from pathlib import Path
from onsite.services import postgres, valkey, process, folders
def say(value): print(json.dumps(value), flush=True)
def describe():
    return [{"port": s.port, "folder": str(s.folder), "keeper": s._keeper.pid,
             "pid": folders.read_entry(s.folder)["pid"]} for s in process._servers]
"""

    def __init__(self, code: str, command: tuple[str, ...], **options: Any) -> None:
        """Run `code` by `command`; `options` go to Popen."""
        self.process = subprocess.Popen(
            [*command, "-c", self.PRELUDE + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def hear(self) -> Any:
        """The next thing it says."""
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def go_on(self) -> None:
        """Send it a line."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Wait for its end; its exit code."""
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@pytest.fixture
def own() -> Iterator[Callable[..., Owner]]:
    """Make owners; those that still run at the end of the test are killed."""
    owners: list[Owner] = []

    def make(code: str, *, command: tuple[str, ...] = (sys.executable,), **options: Any) -> Owner:
        environment = os.environ | {"PYTHONPATH": str(SOURCE)}
        owners.append(Owner(code, command, **({"env": environment} | options)))
        return owners[-1]

    yield make
    for owner in owners:
        owner.process.kill()
        owner.process.communicate()


@pytest.fixture
def assert_gone() -> Callable[[list[dict[str, Any]]], None]:
    """Wait until nothing is left of the servers that an owner described."""

    def check(servers: list[dict[str, Any]]) -> None:
        assert servers, "the owner had no server to lose"
        for one in servers:
            wait_until(lambda: not is_alive(one["pid"]), f"server {one} is gone")  # noqa: B023
            wait_until(lambda: not is_alive(one["keeper"]), f"keeper of {one} is gone")  # noqa: B023
            wait_until(lambda: not is_open(one["port"]), f"port of {one} is closed")  # noqa: B023
            wait_until(lambda: not Path(one["folder"]).exists(), f"folder of {one} is gone")  # noqa: B023

    return check
