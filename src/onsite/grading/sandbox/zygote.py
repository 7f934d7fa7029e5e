"""The warm process inside the sandbox: each run gets a system of its own.

It has the rights that making such systems takes, inside the sandbox and nowhere else, and runs
nothing of any notebook's. It is process 1 of the sandbox: when it ends, everything in there does.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any

from onsite.grading.sandbox import init, kernel
from onsite.grading.shell import NotebookShell
from onsite.grading.zygote import Zygote, serve, warm_up

#: How long a run's init has to end the run before it is killed itself, in seconds.
PATIENCE = 5.0


class SandboxedZygote(Zygote):
    """Forks runs as `Zygote` does, each behind an init of its own."""

    def __init__(
        self, shell: NotebookShell, control: socket.socket, account: tuple[int, int] | None
    ) -> None:
        super().__init__(shell, control)
        self._plan = init.make_plan(account)
        self._namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def _spawn(self) -> int:
        kernel.unshare(kernel.NEW_PIDS)
        pid = -1
        try:
            pid = kernel.bare_fork()  # of the init, which forks the run
        finally:
            if pid != 0:
                kernel.enter(self._namespace, kernel.NEW_PIDS)
        return pid

    def _enclose(self, request: dict[str, Any], channel: int, life: int) -> int:
        kernel.close_all_but(0, 1, 2, channel, life)
        return init.enclose(self._plan, init.Bounds(**request["bounds"]), life)

    def _end(self, run: int) -> None:
        """Have the run's init end the run, and say so; when it does not, nothing is left either."""
        pid = self._pids.pop(run)
        deadline = time.monotonic() + PATIENCE
        while pid in self._life and (left := deadline - time.monotonic()) > 0:
            os.kill(pid, signal.SIGTERM)  # again, should it have come before init had a handler
            select.select([self._own[0]], [], [], min(left, 0.1))
            self._drain()
            self._reap()
        if pid in self._life:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(self._life.pop(pid))

    def _note(self, pid: int, status: int | None) -> None:
        """The run's init has said how the run ended; when it has not, the run is lost."""
        if pid in self._life:
            os.close(self._life.pop(pid))


def main(descriptor: int, optional: Iterable[str], account: tuple[int, int] | None) -> None:
    """Warm up and serve."""
    control = socket.socket(fileno=descriptor)
    serve(SandboxedZygote(warm_up(optional), control, account), control)


if __name__ == "__main__":
    # as in onsite.grading.zygote
    from onsite.grading.sandbox.zygote import main as imported_main

    _, number, names, *ids = sys.argv
    imported_main(int(number), names.split(), (int(ids[0]), int(ids[1])) if ids else None)
