"""Running servers as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from onsite.services.running import Running


def servers_table(servers: Iterable[Running]) -> Table:
    """Lay out `servers`, one row each."""
    table = Table()
    for heading in ("service", "version", "address"):
        table.add_column(heading, no_wrap=True)  # to be copied in one piece
    for heading in ("pid", "owner", "since", "came from"):
        table.add_column(heading, overflow="fold")
    for one in servers:
        table.add_row(
            one.service,
            one.version,
            one.address,
            "stopped" if one.pid is None else str(one.pid),
            str(one.owner),
            f"{one.since:%d %b %H:%M:%S}",
            one.origin,
        )
    return table
