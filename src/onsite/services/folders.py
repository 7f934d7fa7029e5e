"""Where servers keep their files, and how folders that nobody owns any more are found.

Below `home()`::

    servers/<id>/       one running server: lock, entry.json, log, data/
    templates/<key>/    data folders made once and copied from then on
    programs/<key>/     copies of programs that the servers' account could not reach
    packages/<name>/    Debian packages, unpacked

Each server's keeper holds a lock (flock) on its folder for as long as it lives. The kernel lets go
of it however the keeper ends, so a folder that can be locked is stale: no process id is trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
import psutil

from onsite.errors import OnsiteError
from onsite.services.account import server_account


def home() -> Path:
    """The folder for everything of ours, made when missing.

    It is the one named by `ONSITE_RUNTIME`, else the user's cache folder, else (that one cannot be
    written, or not be reached by the account that servers run as) one in the folder for temporary
    files. Its mode is 0700; for root 0711, so that the servers' account can reach what it owns.

    Raises:
        OnsiteError: none of them can be used.
    """
    reasons = []
    for path in _candidates():
        try:
            return _usable(path)
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
    raise OnsiteError(
        f"there is no folder for servers ({'; '.join(reasons)}); "
        "set ONSITE_RUNTIME to one that you own and can write."
    )


def _candidates() -> list[Path]:
    named = os.environ.get("ONSITE_RUNTIME")
    if named:
        return [Path(named).expanduser().absolute()]
    temporary = Path(tempfile.gettempdir()).absolute() / f"onsite-{os.geteuid()}"
    if os.environ.get("HOME") == "":  # then ~ would be taken for /
        return [temporary]
    return [platformdirs.user_cache_path("onsite").absolute() / "services", temporary]


def _usable(path: Path) -> Path:
    """Make `path` and check that it is ours alone, which matters below a shared /tmp."""
    account = server_account()
    mode = 0o700 if account is None else 0o711
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(0, "it belongs to somebody else")
    path.chmod(mode)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(0, "it cannot be written")
    path = path.resolve()
    if account is not None and not account.can_enter(path):
        raise PermissionError(0, "the account nobody, which servers run as, cannot reach it")
    for name in ("servers", "templates", "programs", "packages"):
        (path / name).mkdir(mode=mode, exist_ok=True)
        if not (path / name).is_symlink():  # one made by a sandbox, to what is shared by runs
            (path / name).chmod(mode)
    return path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever has it. Released even by kill -9."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def new_server_folder() -> tuple[Path, int]:
    """Make a folder for one server and lock it; clean up the stale ones first.

    Returns:
        The folder, and the descriptor of its lock, to be handed to the keeper and closed here.
    """
    clean()
    servers = home() / "servers"
    account = server_account()
    with locked(servers / ".lock"):
        folder = servers / secrets.token_hex(6)
        folder.mkdir(mode=0o700 if account is None else 0o711)
        (folder / "data").mkdir(mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return folder, descriptor


def server_folders() -> Iterator[Path]:
    """Every server's folder, kept or stale."""
    for path in sorted((home() / "servers").iterdir()):
        if path.is_dir():
            yield path


def is_kept(folder: Path) -> bool:
    """Whether a live keeper holds the lock of `folder`."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_entry(folder: Path) -> dict[str, Any] | None:
    """What the keeper wrote about its server, or None when it has not (or has finished)."""
    try:
        entry: dict[str, Any] = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return entry


def clean() -> None:
    """End servers that lost their keeper and delete their folders."""
    with locked(home() / "servers" / ".lock"):
        for folder in server_folders():
            if not is_kept(folder):
                _end_orphan(folder)
                shutil.rmtree(folder, ignore_errors=True)


def _end_orphan(folder: Path) -> None:
    """Kill the server of a stale `folder`, should it still run (only where there is no prctl)."""
    entry = read_entry(folder)
    if entry is None or not entry.get("pid"):
        return
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(entry["pid"])
        if Path(process.cwd()).is_relative_to(folder):  # else the id was given to another process
            children = process.children(recursive=True)
            process.kill()
            psutil.wait_procs([process, *children], timeout=5)


def forget_unused(kept: Path) -> None:
    """Delete templates or program copies below `kept` whose original program is gone.

    Each such folder has a file `source` with the path of that program.
    """
    for source in kept.glob("*/source"):
        if not Path(source.read_text(encoding="utf-8")).exists():
            free_tree(source.parent)


def free_tree(path: Path) -> None:
    """Delete `path` if it is there; wait a little for processes that still write to it."""
    for _ in range(50):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.1)


def open_to_all(tree: Path) -> None:
    """Let everybody read `tree`, whatever the mask was when its original was made."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
