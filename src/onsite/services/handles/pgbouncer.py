"""PgBouncer: `bouncer = pgbouncer(pg)` puts a pool of connections in front of a database."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.rows import dict_row

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.handles.postgres import Postgres, why
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, find_program
from onsite.services.server_handle import ServerHandle

PACKAGE = package_of("pgbouncer")
Mode = Literal["session", "transaction", "statement"]
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
MODES = ("session", "transaction", "statement")


class PgBouncer(ServerHandle):
    """A PgBouncer in front of one database."""

    service = "PgBouncer"
    call = "pgbouncer"
    variable = PACKAGE.variable

    def __init__(
        self, pg: Postgres, mode: Mode, netloc: str, server: process.Server | None = None
    ) -> None:
        """Ask it what it is.

        Args:
            pg: the database behind it.
            mode: when a client gives its server connection back.
            netloc: user:password@host:port of the pool.
            server: the private PgBouncer; None for a user's own.
        """
        self.mode = mode
        self._pg = pg
        self._netloc = netloc
        self._closed = False
        said = str(self._ask("SHOW VERSION")[0]["version"])
        self.version = said.split()[-1]
        super().__init__(netloc.rpartition("@")[2], server)

    @property
    def url(self) -> str:
        """The database through the pool, as libpq and most tools take it."""
        self._require_open()
        return f"postgresql://{self._netloc}/{self._pg.name}"

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy with psycopg: postgresql+psycopg://..."""
        return "postgresql+psycopg" + self.url.removeprefix("postgresql")

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection through the pool; `options` go to `psycopg.connect`."""
        return psycopg.connect(self.url, **options)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Ask the admin console: `show("POOLS")`, "CLIENTS", "SERVERS", "STATS", "CONFIG"...

        Returns:
            One dictionary a row, by PgBouncer's own column names.
        """
        self._require_open()
        return self._ask(f"SHOW {what}")

    def admin(self, command: str) -> None:
        """Give the admin console a command: PAUSE, RESUME, RELOAD, RECONNECT..."""
        self._require_open()
        self._ask(command)

    def _ask(self, command: str) -> list[dict[str, Any]]:
        # the console knows neither prepared statements nor transactions
        with psycopg.connect(
            f"postgresql://{self._netloc}/pgbouncer",
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=5,
            cursor_factory=psycopg.ClientCursor,
        ) as console:
            cursor = console.cursor(row_factory=dict_row)
            cursor.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def _facts(self) -> tuple[str, ...]:
        return (f"{self.mode} mode, for database {self._pg.name}", *super()._facts())


def pgbouncer(
    pg: Postgres, mode: Mode = "transaction", pool_size: int = 20, **settings: str | int
) -> PgBouncer:
    """Put a private PgBouncer in front of the database `pg`; each call starts another.

    With `ONSITE_PGBOUNCER_URL` set it is the user's own, which must let `pg`'s database through
    (`* = ...` in its configuration) in the wanted mode.

    Args:
        pg: the database.
        mode: when a client gives its server connection back: at the end of its `session`, of each
            `transaction`, or of each `statement`.
        pool_size: how many connections to the server there may be.
        settings: further lines for the section [pgbouncer] of its configuration, such as
            `query_wait_timeout=1`.

    Raises:
        OnsiteError: no PgBouncer can be found, started or reached, or there is no such mode.
    """
    if mode not in MODES:
        raise OnsiteError(f"PgBouncer has no mode {mode!r}; its modes are {', '.join(MODES)}.")
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(pg, mode, own)
    program = find_program((PACKAGE.program,), None, (), cure("pgbouncer"), PACKAGE.debian)
    found = re.match(r"PgBouncer (?:version )?(\d\S*)", program.banner)
    if found is None:
        raise OnsiteError(f"{program.path} is not a PgBouncer: it says {program.banner!r}.")
    options = {"pool_mode": mode, "default_pool_size": pool_size} | settings
    server = process.launch(
        process.Recipe(
            service=PgBouncer.service,
            version=found[1],
            origin=program.origin,
            prepare=partial(_prepare, program, pg, options),
            ready=_ready,
            stop_signal=signal.SIGTERM,  # since 1.23 it waits for its clients, but not before that
            patience=1.0,
            environment=program.environment,
        )
    )
    user = urlsplit(pg.url).netloc.rpartition("@")[0]
    try:
        return PgBouncer(pg, mode, f"{user}@127.0.0.1:{server.port}", server)
    except BaseException:
        server.close()
        raise


def _on_own_server(pg: Postgres, mode: Mode, address: str) -> PgBouncer:
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise OnsiteError(
            f"{PACKAGE.variable} must look like postgresql://user:password@host:6432."
        )
    try:
        bouncer = PgBouncer(pg, mode, parts.netloc)
        found = {row["key"]: row["value"] for row in bouncer.show("CONFIG")}["pool_mode"]
    except psycopg.Error as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({why(error)}); "
            f"start it, or unset {PACKAGE.variable} for a private one."
        ) from error
    if found != mode:
        bouncer.close()
        raise OnsiteError(
            f"the PgBouncer at {PACKAGE.variable} is in {found} mode and {mode} mode was asked "
            f"for; set pool_mode = {mode} there, or unset {PACKAGE.variable}."
        )
    return bouncer


def _prepare(
    program: Program, pg: Postgres, options: dict[str, str | int], data: Path, port: int
) -> Sequence[str]:
    behind = urlsplit(pg.url)
    user, password = unquote(behind.username or ""), unquote(behind.password or "")
    database: dict[str, str | int] = {
        "host": behind.hostname or "127.0.0.1",
        "port": behind.port or 5432,
        "dbname": pg.name,
        "user": user,
        "password": password,
    }
    lines: dict[str, str | int] = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": "users",
        "admin_users": user,
        "ignore_startup_parameters": "extra_float_digits",
    }
    quoted = " ".join(f"{key}='{_quote(value)}'" for key, value in database.items())
    (data / "users").write_text(f'"{user}" "{password}"\n', encoding="utf-8")
    (data / "pgbouncer.ini").write_text(
        f"[databases]\n{pg.name} = {quoted}\n[pgbouncer]\n"
        + "".join(f"{key} = {value}\n" for key, value in (lines | options).items()),
        encoding="utf-8",
    )
    return (str(program.path), "pgbouncer.ini")


def _quote(value: str | int) -> str:
    return str(value).replace("'", "''")


def _ready(data: Path, port: int) -> bool:
    """Ask whether it speaks TLS, as clients begin: a stranger on the port would not answer N."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(SSL_REQUEST)
            return connection.recv(1) == b"N"
    except OSError:
        return False
