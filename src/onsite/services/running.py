"""What runs on this machine for this user, in any process: for `onsite services`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from onsite.errors import OnsiteError
from onsite.services import folders
from onsite.services.packages import PACKAGES

STOP_SECONDS = 15.0
VARIABLES = tuple(package.variable for package in PACKAGES.values() if package.variable)


@dataclass(frozen=True, slots=True)
class Running:
    """One private server with a live keeper."""

    service: str
    version: str
    address: str
    pid: int | None
    """None: stopped for the moment, by its owner."""
    owner: int
    keeper: int
    since: datetime
    origin: str
    folder: Path


def overrides() -> dict[str, str]:
    """Variables that name a server of the user's own, with its address without the password."""
    set_ones = ((name, os.environ.get(name)) for name in VARIABLES)
    return {name: _place(url) for name, url in set_ones if url}


def _place(url: str) -> str:
    """host:port of an address with or without a scheme, however malformed it is."""
    return url.rpartition("://")[2].rpartition("@")[2].partition("/")[0]


def running() -> list[Running]:
    """List the servers of this user, oldest first. Those that lost their keeper are cleaned up."""
    folders.clean()
    found = []
    for folder in folders.server_folders():
        entry = folders.read_entry(folder)
        if entry is not None and folders.is_kept(folder):
            since = datetime.fromtimestamp(entry.pop("since")).astimezone()
            found.append(Running(**entry, since=since, folder=folder))
    return sorted(found, key=lambda one: one.since)


def stop(servers: Iterable[Running]) -> list[Running]:
    """End `servers`, whoever owns them, and wait until their folders are gone.

    Raises:
        OnsiteError: one does not end.
    """
    stopping = list(servers)
    for one in stopping:
        with suppress(ProcessLookupError):  # its owner ended it meanwhile
            os.kill(one.keeper, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for one in stopping:
        while folders.is_kept(one.folder):
            if time.monotonic() > deadline:
                raise OnsiteError(
                    f"{one.service} (process {one.pid}) does not stop; "
                    f"end its owner, process {one.owner}."
                )
            time.sleep(0.02)
    return stopping
