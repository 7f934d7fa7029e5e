"""The processes that a server consists of."""

from __future__ import annotations

from pathlib import Path

import psutil

from onsite.services import folders


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
