"""The servers that runs without a sandbox share."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager


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
