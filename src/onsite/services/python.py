"""Servers that are Python programs of this environment, such as uvicorn."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from onsite.errors import OnsiteError
from onsite.services import folders


def version_of(package: str) -> str:
    """The version of `package` in this environment.

    Raises:
        OnsiteError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise OnsiteError(
            f"there is no {package} in this environment; `pip install {package}` adds it "
            "(`pip install 'onsite[web]'` everything of its kind)."
        ) from None


def python_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What such a server is told: modules are found as they are here, and output is not delayed."""
    places = [str(Path(place).absolute()) for place in sys.path]  # "" is the current folder
    programs = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    return {
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(places)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(more or {}),
    }


def family(folder: Path) -> list[psutil.Process]:
    """The process of the server in `folder` and all below it; empty when it does not run."""
    entry = folders.read_entry(folder)
    if entry is None or entry["pid"] is None:
        return []
    try:
        main = psutil.Process(entry["pid"])
        return [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def listens(folder: Path, port: int) -> bool:
    """Whether the server in `folder` listens at `port`, rather than a stranger."""
    for one in family(folder):
        try:
            found = one.net_connections(kind="tcp")
        except psutil.Error:  # it ended meanwhile
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found):
            return True
    return False


def is_helper(one: psutil.Process) -> bool:
    """Whether this is multiprocessing's own helper, or has ended and only waits to be reaped."""
    try:
        return "resource_tracker" in " ".join(one.cmdline())
    except psutil.Error:
        return True
