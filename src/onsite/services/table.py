"""Running servers as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from onsite.services.running import Running


def servers_table(servers: Iterable[Running]) -> Table:
    """Lay out `servers`, one row each."""
    table = Table("service", "version", "address", "pid", "owner", "since", "came from")
    for one in servers:
        table.add_row(
            one.service,
            one.version,
            one.address,
            "stopped" if one.pid is None else str(one.pid),
            str(one.owner),
            f"{one.since:%Y-%m-%d %H:%M:%S}",
            one.origin,
        )
    return table
