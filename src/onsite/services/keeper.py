"""The keeper: a tiny process between one owner and one server.

It is the server's parent. It stops the server and deletes the server's folder as soon as its
owner closes it, exits, or is killed, however rudely. Run it as ``python -I -S keeper.py``: one
file, standard library only, so that it starts in about 30 ms.

The talk is one JSON object a line. The owner's first line on stdin is the order (see
`Server._order` in process.py); later lines are the words ``start``, ``stop`` and ``kill``. The
keeper answers on stdout with ``{"event": ...}``: started, failed, stopped, or exited (the server
ended by itself).

The owner's end is noticed in two ways, because neither is enough alone: stdin reaches its end
(at once, but not while a forked child of the owner still holds the pipe), and the parent process
id changes (always, but found by polling). SIGTERM to the keeper means the same as the end of the
owner. Should the keeper itself be killed, Linux signals the server through PR_SET_PDEATHSIG;
elsewhere the next start of any service finds the folder without a keeper and cleans up.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.2
LOG_BYTES = 32 << 20
"""How long a log may grow; then only its last quarter is kept."""
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(number: int) -> Callable[[], None]:
    """Make a function that, run in a new child, has the kernel signal it when the keeper dies."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None).prctl  # loaded here: after a fork it may not be safe
    keeper = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != keeper:  # it died before the request was made
            os._exit(1)

    return arm


def adopt_orphans() -> None:
    """Have the kernel give this process whatever its descendants leave behind, on Linux."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> Iterator[int]:
    """The processes whose parent this one is; on Linux only, where orphans come here."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # after the name, which is in parentheses and may hold anything: state, parent...
            if int((place / "stat").read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                yield int(place.name)


def shorten(log: Path) -> None:
    """Keep the last quarter of a `log` that has grown too long; its writer appends to it.

    What it writes in that moment may be lost.
    """
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            with log.open("r+b") as file:
                file.seek(-LOG_BYTES // 4, os.SEEK_END)
                file.readline()  # the rest of a line
                end = file.read()
                file.truncate(0)
                file.seek(0)
                file.write(end)


def say(**event: Any) -> None:
    """Tell the owner; it may be gone, which the main loop notices by itself."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")


class Keeper:
    """One server's life, from the owner's order to the deletion of its folder."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Take `order`, the owner's first line."""
        self.order = order
        self.folder = Path(order["folder"])
        self.signal = int(order["stop_signal"])
        self.arm = die_with_parent(self.signal)
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, note it in entry.json, and tell the owner."""
        uid, gid = self.order["account"] or (None, None)
        try:
            with (self.folder / "log").open("ab") as log:
                self.server = subprocess.Popen(
                    self.order["command"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder / "data",
                    env=self.order["environment"],
                    user=uid,
                    group=gid,
                    extra_groups=None if gid is None else [],
                    umask=0o077,
                    process_group=0,
                    preexec_fn=self.arm,  # after user and group: a change of those disarms it
                )
        except (OSError, subprocess.SubprocessError) as error:
            say(event="failed", reason=str(error))
            return
        self.note()
        say(event="started", pid=self.server.pid)

    def note(self) -> None:
        """Write entry.json, which `onsite services` reads."""
        pid = self.server.pid if self.server else None
        entry = {**self.order["about"], "keeper": os.getpid(), "owner": self.order["owner"]}
        new = self.folder / "entry.new"
        new.write_text(json.dumps({**entry, "pid": pid, "since": time.time()}))
        new.replace(self.folder / "entry.json")

    def stop(self) -> None:
        """End the server: politely, then by force."""
        if self.server is None:
            return
        self.server.send_signal(self.signal)
        try:
            self.server.wait(self.order["patience"])
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.sweep(self.server.pid)
        self.server = None

    def sweep(self, group: int) -> None:
        """Kill what an ended server left: its process group, and orphans that came here."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # no orphan is left
            os.waitpid(-1, os.WNOHANG)
            while True:
                for pid in children():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)  # one; its own children come here in turn

    def reap(self) -> None:
        """Tell the owner when the server has ended by itself."""
        if self.server is not None and (code := self.server.poll()) is not None:
            self.sweep(self.server.pid)
            self.server = None
            self.note()
            say(event="exited", code=code)

    def obey(self, word: bytes) -> None:
        """Do what one line of the owner says."""
        if word == b"start" and self.server is None:
            self.start()
        elif word in (b"stop", b"kill"):
            if word == b"kill" and self.server is not None:
                self.server.kill()
            self.stop()
            self.note()
            say(event="stopped")

    def watch(self, wake: int) -> None:
        """Serve the owner until it is gone. `wake` is readable after a signal."""
        buffer = b""
        while os.getppid() == self.order["owner"]:
            readable, _, _ = select.select([0, wake], [], [], POLL_SECONDS)
            if wake in readable and signal.SIGTERM in os.read(wake, 512):
                return
            self.reap()
            for log in ("log", *self.order["logs"]):
                shorten(self.folder / log)
            if 0 in readable:
                chunk = os.read(0, 512)
                if not chunk:
                    return
                *words, buffer = (buffer + chunk).split(b"\n")
                for word in words:
                    self.obey(word)

    def clear(self) -> None:
        """Delete the server's folder; its last children may still be writing there."""
        for _ in range(50):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.1)


def read_order() -> dict[str, Any]:
    """Read the first line of stdin byte by byte: what follows belongs to the main loop."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:  # the owner died before it could say what it wants
            sys.exit(1)
        line += byte
    order: dict[str, Any] = json.loads(line)
    return order


def main() -> None:
    """Keep one server until its owner is gone."""
    wake, alarm = os.pipe()
    for end in (wake, alarm):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(alarm)
    # Ctrl-C and the end of a terminal are meant for the owner, which decides. They are not set to
    # be ignored, since the server would inherit that.
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)

    keeper = Keeper(read_order())
    adopt_orphans()
    try:
        keeper.start()
        keeper.watch(wake)
    finally:
        keeper.stop()
        keeper.clear()


if __name__ == "__main__":
    main()
