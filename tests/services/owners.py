"""Processes that own servers, and waiting for what becomes of those."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from onsite.services import folders

SOURCE = Path(folders.__file__).parents[2]
PATIENCE = 60.0


def open_files() -> set[tuple[int, int, int]]:
    """The descriptors of this process, with the device and the number of what each is open on."""
    found = set()
    for one in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the one by which this was listed
            status = os.fstat(int(one.name))
            found.add((int(one.name), status.st_dev, status.st_ino))
    return found


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

    def go_on(self, line: str = "") -> None:
        """Send it a line."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Wait for its end; its exit code."""
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode
