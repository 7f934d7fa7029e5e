"""What runs need of servers before they start: their programs, and those that they share."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from onsite.errors import OnsiteError


def fetch_programs(services: Collection[str]) -> None:
    """Bring the programs that only Debian's packages have into the course's cache.

    A run in a sandbox sees that cache and has no network. What cannot be fetched is left to the
    run, which says what is missing and how people add it.

    Args:
        services: what the notebooks need, by the syllabus.
    """
    from onsite.services import debian
    from onsite.services.packages import PACKAGES

    for service in services:
        package = PACKAGES.get(service)
        if package is None or not package.program or shutil.which(package.program):
            continue
        with suppress(OnsiteError):
            if package.own_address() is None:
                debian.fetch(package.debian)


@contextmanager
def shared_servers(services: Collection[str]) -> Iterator[dict[str, str]]:
    """The variables by which runs find the servers that were started for all of them.

    PostgreSQL is started once, because a start per run would be most of the run; each notebook
    gets a database of its own there. Valkey starts so fast that each run starts its own.

    Args:
        services: what the notebooks need, by the syllabus.
    """
    if "postgres" not in services:
        yield {}
        return
    # Imported here: it takes a moment, and most topics need no server.
    from onsite.services import postgres

    # Every worker's run may have fifty clients at once.
    with postgres(max_connections=500) as server:
        yield {"ONSITE_POSTGRES_URL": server.url}
