"""A room for programs that mean harm: what happens in it stays in it.

The program sees this machine's files read-only, without this user's home and without anything
in /tmp, and cannot write anywhere but to bounded memory. It has processes, network, and System V
objects of its own, runs as an ordinary account even when root starts it, and is killed with all
it started when its time or its memory is used up. This room is a safety net around what is
measured (our sandbox, or stock nbgrader, which has none); it is no part of any grader.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_IXOTH

import psutil

from onsite.errors import OnsiteError
from onsite.services import debian

REPO = Path(__file__).parents[2]
ACCOUNT = 65534
PROCESSES = 600
FILE_BYTES = 1 << 30
#: What all processes of the room may use together, in bytes, polled.
MEMORY_BYTES = 6 << 30
PROCESS_BYTES = 3 << 30

# Root leaves its account, but an interpreter in a folder of root's own must stay within reach.
_AS_ORDINARY = """
set -e
case "$1" in
"$2"/*)
    mount --rbind "$1" /mnt
    mount -t tmpfs -o mode=755 none "$2"
    mkdir -p "$1"
    mount --move /mnt "$1" ;;
esac
account=$3
shift 3
exec setpriv --reuid="$account" --regid="$account" --clear-groups --bounding-set=-all "$@"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: what it printed, and why it was killed if it was."""

    output: bytes
    errors: bytes
    killed: str


@cache
def bubblewrap() -> str:
    """The path of bwrap, where every account can read it.

    Raises:
        OnsiteError: there is none and none can be fetched.
    """
    if found := shutil.which("bwrap"):
        return found
    (program,) = debian.fetch(("bubblewrap",)).root.glob("usr/bin/bwrap")
    return str(program)


def run_enclosed(
    command: Sequence[str], *, stdin: bytes, seconds: float, environment: Mapping[str, str]
) -> Ended:
    """Run `command` in the room for at most `seconds`, with `stdin` to read."""
    if sys.platform != "linux":
        raise OnsiteError("Hostile submissions can be tried on Linux only.")
    wrapped = [*_prelude(), *_limits(), *_room(environment), *command]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            wrapped, stdin=given, stdout=out, stderr=err, start_new_session=True
        )
        try:
            killed = _watch(process, seconds)
        finally:
            # With the first process of its own namespace dies everything in the room.
            for each in _descendants(process.pid):
                with suppress(psutil.Error):
                    each.kill()
            process.kill()
            process.wait()
        out.seek(0)
        err.seek(0)
        return Ended(out.read(FILE_BYTES), err.read(1 << 20), killed)


def _watch(process: subprocess.Popen[bytes], seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            return f"it ran longer than {seconds:g} s"
        inside = _descendants(process.pid)
        # Quickly first, which counts what forks share once for each of them.
        if all(
            sum(measure(each) for each in inside) > MEMORY_BYTES for measure in (_rough, _memory)
        ):
            return f"it used more than {MEMORY_BYTES >> 30} GB"
        time.sleep(0.1)
    return ""


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _rough(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.Error, OSError):
        return int(process.memory_full_info().pss)
    return _rough(process)


def _prelude() -> list[str]:
    if os.getuid() != 0:
        return []
    return [
        *("unshare", "--mount", "--propagation", "private", "sh", "-c", _AS_ORDINARY, "sh"),
        *(sys.base_prefix, _shut(Path(sys.base_prefix)), str(ACCOUNT)),
    ]


def _shut(path: Path) -> str:
    """The outermost folder above `path` that other accounts may not enter; "-" if there is none."""
    above = (str(each) for each in reversed(path.parents) if not each.stat().st_mode & S_IXOTH)
    return next(above, "-")


def _limits() -> list[str]:
    return [
        *("prlimit", f"--nproc={PROCESSES}", f"--fsize={FILE_BYTES}"),
        *(f"--data={PROCESS_BYTES}", "--core=0", "--nofile=4096"),
    ]


def _room(environment: Mapping[str, str]) -> list[str]:
    program = bubblewrap()
    words = [
        *(program, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
        *("--unshare-uts", "--die-with-parent", "--new-session"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    ]
    homes = {str(Path.home()), pwd.getpwuid(os.getuid()).pw_dir} - {"/"}
    for place in ("/tmp", "/var/tmp", "/run", *sorted(homes)):  # noqa: S108 - names of mounts
        words += ["--perms", "1777", "--size", str(2 << 30), "--tmpfs", place]
    # What was just covered and is needed all the same.
    for needed in dict.fromkeys([sys.base_prefix, sys.prefix, str(REPO), program]):
        words += ["--ro-bind", needed, needed]
    words += ["--chdir", "/tmp", "--clearenv"]  # noqa: S108
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return [*words, "--"]
