"""Make the environment: .venv from a lock file. Run by ./onsite before anything is installed.

Only the standard library can be used here. Two runs at once are safe (a file lock that the system
drops when its holder dies), and so is an interrupted run: a lock file is copied into .venv as the
last step, and an environment without it is made anew.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
MADE_FOR = VENV / "onsite-root"
# The test lock holds everything that the base lock holds, in the same versions.
CONTAINS = {
    "requirements.lock": ["requirements.lock"],
    "requirements-test.lock": ["requirements.lock", "requirements-test.lock"],
}


class BootstrapError(Exception):
    """One sentence that says why there can be no environment, and the cure."""


def main(lock: str) -> None:
    """Bring .venv up to what the lock file called `lock` says."""
    try:
        with (ROOT / ".venv.lock").open("w") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another onsite is making the environment; waiting for it")
                fcntl.flock(guard, fcntl.LOCK_EX)
            if not is_current(lock):
                install(lock)
    except BootstrapError as error:
        print(f"onsite: {error}", file=sys.stderr)
        sys.exit(2)
    except PermissionError as error:
        print(
            f"onsite: cannot write {error.filename}; make the folder of the course writable.",
            file=sys.stderr,
        )
        sys.exit(2)


def is_current(lock: str) -> bool:
    """Whether .venv holds what `lock` says, for this folder."""
    try:
        same = (VENV / lock).read_bytes() == (ROOT / lock).read_bytes()
        return same and MADE_FOR.read_text(encoding="utf-8").strip() == str(ROOT)
    except OSError:
        return False


def install(lock: str) -> None:
    """Make .venv when there is no finished one for this folder, then install `lock` into it."""
    if VENV.is_symlink():  # to another folder's environment, say, which is not ours to remove
        raise BootstrapError(f"{VENV} is a link; remove the link and run the same command again.")
    finished = MADE_FOR.exists() and MADE_FOR.read_text(encoding="utf-8").strip() == str(ROOT)
    python = VENV / "bin" / "python"
    usable = finished and subprocess.run([python, "-c", ""], check=False).returncode == 0
    uv = shutil.which("uv")
    if not usable:
        say(f"making the environment in {VENV} (once; about 900 MB)")
        if VENV.exists():
            shutil.rmtree(VENV)
        make_venv(with_pip=not uv)
    for name in CONTAINS:
        (VENV / name).unlink(missing_ok=True)
    editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if uv:
        target = ["--python", str(python)]
        pinned = ["--require-hashes", "--no-deps", "--requirement", str(ROOT / lock)]
        run([uv, "pip", "install", *target, *pinned])
        run([uv, "pip", "install", "--quiet", *target, *editable])
    else:
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
        pinned = ["--require-hashes", "--no-deps", "--requirement", str(ROOT / lock)]
        run_pip([*pip, *pinned], total=(ROOT / lock).read_text(encoding="utf-8").count("=="))
        run([*pip, "--quiet", *editable])
    MADE_FOR.write_text(f"{ROOT}\n", encoding="utf-8")
    for name in CONTAINS[lock]:
        unfinished = VENV / f"{name}.new"
        shutil.copyfile(ROOT / name, unfinished)
        unfinished.replace(VENV / name)
    say("the environment is ready")


def make_venv(*, with_pip: bool) -> None:
    """Make an empty .venv with the Python that runs this."""
    if with_pip and importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise BootstrapError(
            f"this Python cannot make environments; install its venv package (Debian, Ubuntu: "
            f"apt install python{version}-venv) or uv."
        )
    try:
        venv.create(VENV, with_pip=with_pip, symlinks=True)
    except subprocess.CalledProcessError as error:
        raise BootstrapError(
            f"making .venv with {sys.executable} failed ({error}); install Python's venv package "
            "(Debian, Ubuntu: apt install python3-venv) or uv, then try again."
        ) from None


def run(command: Sequence[str]) -> None:
    """Run a command whose own output tells what it does."""
    if subprocess.run(command, check=False).returncode:
        raise failed()


def run_pip(command: Sequence[str], total: int) -> None:
    """Run pip with one line of progress instead of hundreds; show its last lines if it fails."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    last: list[str] = []
    seen = 0
    is_terminal = sys.stderr.isatty()
    with subprocess.Popen(
        [*command, "--progress-bar", "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker; it is a pipe
        for line in process.stdout:
            last = [*last[-9:], line.rstrip()]
            words = line.split()
            if words[:1] == ["Collecting"]:
                seen += 1
                if is_terminal:
                    name = words[1].split("==")[0][:40]
                    print(
                        f"\r\033[Konsite: {seen} of {total} packages: {name}",
                        end="",
                        file=sys.stderr,
                    )
                elif seen % 40 == 0:
                    say(f"{seen} of {total} packages")
            elif words[:2] == ["Installing", "collected"]:
                if is_terminal:
                    print("\r\033[K", end="", file=sys.stderr)
                say(f"installing {seen} packages")
    if process.returncode:
        print("\n".join(last), file=sys.stderr)
        raise failed()


def failed() -> BootstrapError:
    """What to say when the installer failed; it has already said why."""
    return BootstrapError(
        "the packages could not be installed, for the reason above; check the network and the disk "
        "(1 GB is needed) and run the same command again."
    )


def say(what: str) -> None:
    """Tell what happens, on standard error: standard output belongs to the command."""
    print(f"onsite: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
