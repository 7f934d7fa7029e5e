"""Start `onsite lab` as a learner does, and stop it with Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.processes import left_after

START_SECONDS = 90


@dataclass(frozen=True)
class Lab:
    """A running lab: its process and the address of its start page, with the token."""

    process: psutil.Process
    address: str


@contextmanager
def running_lab(environment: Mapping[str, str], *options: str, log: Path) -> Iterator[Lab]:
    """Run `onsite lab --no-browser`; its messages go to the file `log`."""
    with log.open("wb") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "onsite", "lab", "--no-browser", *options],
            stdout=subprocess.PIPE,
            stderr=messages,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield Lab(psutil.Process(process.pid), _address(process, log))
    finally:
        running = process.poll() is None
        family = psutil.Process(process.pid).children(recursive=True) if running else []
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
        alive = left_after(20, family)
        for left in alive:
            left.kill()
        assert not alive, f"left running after Ctrl-C: {alive}"


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout
    seen = b""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if select.select([process.stdout], [], [], 0.2)[0]:
            seen += os.read(process.stdout.fileno(), 65536)
            if found := re.search(rb"Onsite is at (\S+)", seen):
                return found[1].decode()
    raise AssertionError(f"the lab did not start: {seen.decode()} {log.read_text()}")
