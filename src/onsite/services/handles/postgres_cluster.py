"""A PostgreSQL primary with streaming replicas: `cluster = postgres_cluster(replicas=2)`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.handle import Handle
from onsite.services.handles.faulty import FaultyLink, faulty
from onsite.services.handles.postgres import launch

DATABASE = "notebook"
MOST_REPLICAS = 5
PATIENCE = 30.0

# A production cluster waits a minute for a silent peer; a lesson does not. What a replica has
# missed is kept up to a bound, so a link that stays cut cannot fill the disk.
SETTINGS: dict[str, str | int | float] = {
    "wal_keep_size": "128MB",
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",
    "wal_receiver_status_interval": "1s",
}


@dataclass(frozen=True, slots=True)
class Lag:
    """How far one replica is behind the primary."""

    node: str
    bytes: int
    """Of the log that it has not replayed."""
    seconds: float
    """The age of the last transaction that it has replayed; 0 when it has replayed all."""


class Node:
    """One server of a cluster."""

    def __init__(self, name: str, url: str, server: process.Server) -> None:
        """Stand for `server` with its address."""
        self.name = name
        self._server = server
        self._url = url

    @property
    def url(self) -> str:
        """The database on this node."""
        return f"{self._url.rpartition('/')[0]}/{DATABASE}"

    @property
    def state(self) -> str:
        """`running`, `stopped`, or how the server ended."""
        return self._server.state

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection to this node; `options` go to `psycopg.connect`."""
        return psycopg.connect(self.url, **options)

    def stop(self) -> None:
        """End the server at once, as a crash would; what was committed is kept for `start`."""
        self._server.stop()

    def start(self) -> None:
        """Start the stopped server again, at the same address, in the role that it had."""
        self._server.start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the server's log."""
        return self._server.log_tail(lines)

    @property
    def is_primary(self) -> bool:
        """Whether it takes writes, as it says itself; two may, after a split."""
        return not self._ask("SELECT pg_is_in_recovery()")[0]

    def _administer(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=5)

    def _ask(self, query: str, *params: Any) -> tuple[Any, ...]:
        with self._administer() as connection:
            row = connection.execute(query.encode(), params or None).fetchone()
        return row or ()

    def _do(self, *commands: str) -> None:
        with self._administer() as connection:
            for command in commands:
                connection.execute(command.encode())

    def __repr__(self) -> str:
        """Its name, state and address, without the password."""
        return f"<{self.name}, {self.state}: {urlsplit(self._url).netloc.rpartition('@')[2]}>"


class PostgresCluster(Handle):
    """A primary and its streaming replicas, each a server of its own.

    Every replica follows its primary through a `link`, which can be cut and slowed.
    """

    service = "PostgreSQL"
    call = "postgres_cluster"

    def __init__(self, replicas: int, synchronous: bool) -> None:
        """Start the nodes; none is left when one does not start."""
        self._nodes: list[Node] = []
        self._links: dict[tuple[str, str], FaultyLink] = {}
        super().__init__()
        try:
            self._build(replicas, synchronous)
        except BaseException:
            self.close()
            raise

    def _build(self, replicas: int, synchronous: bool) -> None:
        self._primary = Node("node_1", *launch(SETTINGS))
        self._nodes.append(self._primary)
        self.version = self._primary._server.recipe.version
        for number in range(2, replicas + 2):
            # all begin with the same template, so there is nothing to copy from the primary
            name = f"node_{number}"
            settings = SETTINGS | {"primary_conninfo": self._conninfo(name)}
            self._nodes.append(Node(name, *launch(settings, standby=True)))
        with psycopg.connect(self._primary._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0".encode())
        self.catch_up()
        if synchronous:
            names = ", ".join(node.name for node in self._nodes)
            self._primary._do(
                f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({names})'",
                "SELECT pg_reload_conf()",
            )

    def _conninfo(self, replica: str) -> str:
        """How the node of that name reaches the primary: through the link, under its own name."""
        parts = urlsplit(self._primary._url)
        link = urlsplit(self._link(self._primary, replica).url)
        return (
            f"host={link.hostname} port={link.port} user={parts.username} "
            f"password={unquote(parts.password or '')} application_name={replica}"
        )

    # --- what it is ---

    @property
    def url(self) -> str:
        """The database on the primary."""
        self._require_open()
        return self._primary.url

    @property
    def state(self) -> str:
        """`running` when all nodes are; otherwise which ones are not, and `closed`."""
        if self._closed:
            return "closed"
        ill = [f"{node.name} {node.state}" for node in self._nodes if node.state != "running"]
        return ", ".join(ill) or "running"

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes; node_1 is the first primary."""
        self._require_open()
        return tuple(self._nodes)

    @property
    def primary(self) -> Node:
        """The node that was last made the primary."""
        self._require_open()
        return self._primary

    @property
    def replicas(self) -> tuple[Node, ...]:
        """All nodes but the primary."""
        return tuple(node for node in self.nodes if node is not self._primary)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection to the primary; `options` go to `psycopg.connect`."""
        return psycopg.connect(self.url, **options)

    def lag(self) -> list[Lag]:
        """Ask how far each running replica is behind the primary, and by which time.

        Raises:
            OnsiteError: the primary does not run.
        """
        self._require_open()
        if self._primary.state != "running":
            raise OnsiteError(f"{self._primary.name} is {self._primary.state}: nothing to compare.")
        (written,) = self._primary._ask("SELECT pg_current_wal_lsn()::text")
        found = []
        for node in self.replicas:
            if node.state == "running":
                behind, seconds = node._ask(
                    "SELECT greatest(pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn()), 0),"
                    " extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())",
                    written,
                )
                behind = int(behind or 0)
                found.append(Lag(node.name, behind, float(seconds or 0) if behind else 0.0))
        return found

    def catch_up(self, seconds: float = PATIENCE) -> None:
        """Wait until every running replica has replayed what the primary has written by now.

        Raises:
            OnsiteError: one has not within `seconds`.
        """
        self._require_open()
        (written,) = self._primary._ask("SELECT pg_current_wal_lsn()::text")
        query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        deadline = time.monotonic() + seconds
        for node in self.replicas:
            while node.state == "running" and node._ask(query, written)[0] is not True:
                if time.monotonic() > deadline:
                    raise OnsiteError(
                        f"{node.name} has not caught up within {seconds:g} s; its link may be cut, "
                        "or it may follow another node. The end of its log:\n" + node.log_tail(5)
                    )
                time.sleep(0.02)

    # --- what can be done to it ---

    def link(self, one: Node, other: Node) -> FaultyLink:
        """The connection between two nodes, whichever of them follows the other.

        It is what `faulty` gives: `cut()`, `set(latency=0.2)`, `heal()`...
        """
        self._require_open()
        source, reader = (one, other) if one is self._primary else (other, one)
        if source is not self._primary:
            raise OnsiteError(
                f"nothing goes between {one.name} and {other.name}: replicas follow the primary, "
                f"which is {self._primary.name}."
            )
        return self._link(source, reader.name)

    def _link(self, source: Node, reader: str) -> FaultyLink:
        key = (source.name, reader)
        if key not in self._links:
            self._links[key] = faulty(f"127.0.0.1:{source._server.port}")
        return self._links[key]

    def promote(self, node: Node) -> None:
        """Make a replica the primary; the other running replicas follow it from now on.

        The old primary is left alone: one that still runs still takes writes, and nobody gets them.
        `stop` it first, or see what a split is. `rejoin` makes it a replica.

        Raises:
            OnsiteError: the node is the primary, or is not running.
        """
        self._require_open()
        if node is self._primary or node.state != "running":
            what = "the primary already" if node is self._primary else node.state
            raise OnsiteError(f"{node.name} is {what}; promote a replica that is running.")
        old, others = self._primary, [one for one in self.replicas if one is not node]
        (promoted,) = node._ask("SELECT pg_promote()")
        if not promoted:
            raise OnsiteError(f"{node.name} was not promoted:\n{node.log_tail(5)}")
        self._primary = node
        for one in others:
            if one is not old and one.state == "running":
                quoted = self._conninfo(one.name).replace("'", "''")
                one._do(
                    f"ALTER SYSTEM SET primary_conninfo = '{quoted}'", "SELECT pg_reload_conf()"
                )

    def rejoin(self, node: Node) -> None:
        """Make `node` a replica of the primary again, from a new copy. Its address changes.

        What it had and the primary has not is lost.

        Raises:
            OnsiteError: it is the primary, or the primary cannot be copied.
        """
        self._require_open()
        if node is self._primary:
            raise OnsiteError(f"{node.name} is the primary; promote another node first.")
        node._server.close()
        for key in [key for key in self._links if key[0] == node.name]:
            self._links.pop(key).close()  # its port has changed hands
        settings = SETTINGS | {"primary_conninfo": self._conninfo(node.name)}
        url = self._primary._url
        node._url, node._server = launch(settings, source=url, standby=True)

    def _release(self) -> None:
        for node in self._nodes:
            node._server.close()
        for link in self._links.values():
            link.close()

    @property
    def _is_own(self) -> bool:
        return False

    def _facts(self) -> tuple[str, ...]:
        return (*self._describe(), self._primary._server.recipe.origin)

    def _describe(self) -> Iterator[str]:
        for node in self._nodes:
            role = " (primary)" if node is self._primary else ""
            yield f"{node.name}{role} {urlsplit(node._url).netloc.rpartition('@')[2]}"


def postgres_cluster(replicas: int = 1, synchronous: bool = False) -> PostgresCluster:
    """Give a private PostgreSQL primary with streaming replicas.

    There is no way to use servers of one's own here: they could not be stopped, cut off and
    promoted.

    Args:
        replicas: how many, 1 to 5.
        synchronous: whether a commit waits until one replica has it on its disk.

    Raises:
        OnsiteError: it does not start, or there cannot be that many replicas.
    """
    if not 1 <= replicas <= MOST_REPLICAS:
        raise OnsiteError(f"a cluster has 1 to {MOST_REPLICAS} replicas, not {replicas}.")
    return PostgresCluster(replicas, synchronous)
