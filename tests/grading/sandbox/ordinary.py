"""A Runner of an ordinary user, driven from here whoever runs the tests.

Where root does, a process of another account is started. That account could not reach an
interpreter below /root, so the process gets a mount namespace in which the way there is open.
"""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onsite
from onsite.errors import OnsiteError
from onsite.grading.result import Limits, RunResult
from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox, find, kernel

ACCOUNT = 54_321
_PRIVATE = 1 << 18 | 1 << 14  # MS_PRIVATE | MS_REC of <linux/mount.h>


class OrdinaryUser:
    """What `Runner.run` does, done by an ordinary user; not for several threads."""

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        self.process = start(
            ["-m", "tests.grading.sandbox.ordinary"],
            home,
            sandbox,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said == b"ready\n", said

    def run(self, notebook: bytes, limits: Limits | None = None) -> RunResult:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(base64.b64encode(pickle.dumps((notebook, limits))) + b"\n")
        self.process.stdin.flush()
        answer = pickle.loads(base64.b64decode(self.process.stdout.readline()))  # noqa: S301
        assert isinstance(answer, RunResult), answer
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def start(
    words: list[str],
    home: Path,
    sandbox: Sandbox,
    forbid: Callable[[], None] = lambda: None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start this Python as an ordinary user whose home is `home`.

    `forbid` is called last in the new process: what it does is for that process only.
    """
    tests = Path(__file__).parents[3]
    environment = {
        "PATH": f"{sandbox.program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{Path(onsite.__file__).parents[1]}:{tests}",
        "HOME": str(home),
        "ONSITE_RUNTIME": str(home / "runtime"),
        **sandbox.libraries,
    }
    root = os.geteuid() == 0
    if root:
        os.chown(home, ACCOUNT, ACCOUNT)

    def prepare() -> None:
        if root:
            _become_ordinary(sandbox)
        forbid()

    return subprocess.Popen(
        [sys.executable, *words], env=environment, cwd="/", preexec_fn=prepare, **options
    )


def forbid_namespaces() -> None:
    """As where an administrator has turned off user namespaces."""
    _enter_user_namespace(0)
    kernel.write("/proc/sys/user/max_user_namespaces", "0")


def mask_proc() -> None:
    """As container engines do with parts of /proc: then there cannot be a new one either."""
    _enter_user_namespace(kernel.NEW_MOUNTS)
    kernel.mount("none", "/proc/bus", "tmpfs", 0)


def _enter_user_namespace(more: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEW_USER | more)
    kernel.map_account(uid, uid, gid)


def _become_ordinary(sandbox: Sandbox) -> None:
    files = (onsite.__file__, __file__, sandbox.program)
    kernel.unshare(kernel.NEW_MOUNTS)
    kernel.mount("none", "/", None, _PRIVATE)
    for path in (sys.base_prefix, sys.prefix, *(Path(file).parent for file in files)):
        _open_the_way(Path(path).resolve())
    os.setgroups([])
    os.setresgid(ACCOUNT, ACCOUNT, ACCOUNT)
    os.setresuid(ACCOUNT, ACCOUNT, ACCOUNT)


def _open_the_way(path: Path) -> None:
    """Let everybody pass to `path`: what is closed above it is covered, and only `path` shown."""
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & 0o001:
            kept = os.open(path, os.O_PATH)
            kernel.mount("none", str(parent), "tmpfs", 0, "mode=755")
            path.mkdir(parents=True)
            kernel.mount(f"/proc/self/fd/{kept}", str(path), None, kernel.BIND)
            os.close(kept)
            return


def main() -> None:
    """Run what stdin brings until it ends."""
    try:
        box = find()
    except OnsiteError as error:
        print(error, flush=True)
        return
    assert replace(box, account=None) == box, "an ordinary user's runs are their own"
    limits = Limits(seconds_per_cell=20, seconds=60)
    with Runner(sandbox=box, limits=limits, seed=7, hash_seed=11) as runner:
        print("ready", flush=True)
        for line in sys.stdin.buffer:
            notebook, asked = pickle.loads(base64.b64decode(line))  # noqa: S301
            try:
                answer: object = runner.run(notebook, limits=asked)
            except Exception as error:
                answer = repr(error)
            print(base64.b64encode(pickle.dumps(answer)).decode(), flush=True)


if __name__ == "__main__":
    main()
