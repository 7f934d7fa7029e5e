"""MariaDB: `db = mariadb()` gives a private server with an empty database."""

from __future__ import annotations

import re
import secrets
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, find_program
from onsite.services.server_handle import ServerHandle, client_library

PACKAGE = package_of("mariadb")
PLACES = ("/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin", "/usr/libexec")
DATABASE = "notebook"

SETTINGS: dict[str, str | int] = {
    "bind-address": "127.0.0.1",
    "socket": "mariadb.sock",  # in the data folder; clients of ours use TCP
    "pid-file": "mariadb.pid",
    "tmpdir": ".",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "performance-schema": "OFF",
}
# What mariadb-install-db runs, in its order. A part that a version does not have is not needed.
_SCRIPTS = ("system_tables", "performance_tables", "system_tables_data")
# The root of the server is the only account, and it needs the password.
_ACCOUNTS = """
DELETE FROM global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');
UPDATE global_priv SET priv = json_set(priv, '$.plugin', 'mysql_native_password',
  '$.authentication_string', PASSWORD('{password}')) WHERE User = 'root';
CREATE DATABASE {database};
"""


class MariaDB(ServerHandle):
    """A database of its own on a MariaDB."""

    service = "MariaDB"
    call = "mariadb"
    variable = PACKAGE.variable

    def __init__(self, netloc: str, database: str, server: process.Server | None = None) -> None:
        """Ask the server what it is; on a user's own, create the database.

        Args:
            netloc: user:password@host:port.
            database: its name.
            server: the private server; None for a user's own.
        """
        self._netloc = netloc
        self._database = database
        with self._connect(database=None) as connection, connection.cursor() as cursor:
            if server is None:
                cursor.execute(f"CREATE DATABASE `{database}`")
            cursor.execute("SELECT VERSION()")
            said = str(cursor.fetchone()[0])
        if "MariaDB" not in said:  # MySQL speaks the same protocol
            self.service = "MySQL"
        self.version = said.partition("-")[0]
        super().__init__(netloc.rpartition("@")[2], server)

    @property
    def database(self) -> str:
        """The database's name."""
        return self._database

    @property
    def url(self) -> str:
        """The database: mysql://user:password@host:port/name."""
        self._require_open()
        return f"mysql://{self._netloc}/{self._database}"

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy with PyMySQL: mysql+pymysql://..."""
        return "mysql+pymysql" + self.url.removeprefix("mysql")

    def connect(self, **options: Any) -> Any:
        """Open a connection; `options` go to `pymysql.connect`."""
        self._require_open()
        return self._connect(**({"database": self._database} | options))

    def _connect(self, **options: Any) -> Any:
        parts = urlsplit(f"//{self._netloc}")
        return client_library("pymysql", "pymysql").connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            **({"connect_timeout": 10} | options),
        )

    def _release(self) -> None:
        if self._server is None:
            with self._connect(database=None) as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS `{self._database}`")
        super()._release()

    def _facts(self) -> tuple[str, ...]:
        return (f"database {self._database}", *super()._facts())


def mariadb(**settings: str | int) -> MariaDB:
    """Give a private MariaDB with an empty database; each call starts another server.

    With `ONSITE_MARIADB_URL` set the database is one of the user's own server, dropped on close.

    Args:
        settings: options of the server with underscores, such as `innodb_lock_wait_timeout=2`; on
            a user's own server there can be none.

    Raises:
        OnsiteError: no MariaDB can be found, started or reached.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own, settings)
    program = find_program((PACKAGE.program,), None, PLACES, cure("mariadb"), PACKAGE.debian)
    found = re.search(r"Ver (\d[\d.]*)-MariaDB", program.banner)
    if found is None:
        raise OnsiteError(f"{program.path} is not a MariaDB server: it says {program.banner!r}.")
    password = secrets.token_hex(8)
    options = {name.replace("_", "-"): value for name, value in settings.items()}
    server = process.launch(
        process.Recipe(
            service=MariaDB.service,
            version=found[1],
            origin=program.origin,
            prepare=partial(_prepare, program, password, SETTINGS | options),
            ready=_ready,
            stop_signal=signal.SIGTERM,
            environment=program.environment,
        )
    )
    try:
        return MariaDB(f"root:{password}@127.0.0.1:{server.port}", DATABASE, server)
    except BaseException:
        server.close()
        raise


def _on_own_server(address: str, settings: dict[str, str | int]) -> MariaDB:
    parts = urlsplit(address)
    if parts.scheme not in ("mysql", "mariadb") or not parts.hostname:
        raise OnsiteError(f"{PACKAGE.variable} must look like mysql://user:password@host:3306.")
    if settings:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} is your own: set {', '.join(settings)} there, or "
            f"unset {PACKAGE.variable} for a private server."
        )
    errors = client_library("pymysql", "pymysql").err
    try:
        return MariaDB(parts.netloc, f"onsite_{secrets.token_hex(4)}")
    except errors.MySQLError as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({quote(str(error), safe=' (),:.')});"
            f" start it, give an address that may create databases, or unset {PACKAGE.variable}."
        ) from error


def _prepare(
    program: Program, password: str, settings: dict[str, str | int], data: Path, port: int
) -> Sequence[str]:
    share = _share(program)
    command = [
        str(program.path),
        "--no-defaults",
        "--datadir=.",
        f"--basedir={program.path.parents[1]}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    parts = [part for name in _SCRIPTS for part in sorted(share.glob(f"m*_{name}.sql"))]
    script = "CREATE DATABASE mysql;\nUSE mysql;\n"
    script += "".join(part.read_text(encoding="utf-8") for part in parts)
    script += _ACCOUNTS.format(password=password, database=DATABASE)
    bootstrap = (*command, "--bootstrap", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0")
    process.fill(data, bootstrap, program.environment, script)
    return (*command, f"--port={port}")


def _share(program: Program) -> Path:
    """The folder of the server's messages and of the tables that it begins with."""
    for base in (program.path.parents[1], program.root / "usr"):
        for script in sorted(base.glob("share/m*/m*_system_tables.sql")):
            return script.parent
    raise OnsiteError(
        f"{program.path} has no folder share/mysql or share/mariadb beside it; {cure('mariadb')}."
    )


def _ready(data: Path, port: int) -> bool:
    """Whether the server greets, which it does before a client says anything."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return b"MariaDB" in connection.recv(128)
    except OSError:
        return False
