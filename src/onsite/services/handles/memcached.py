"""memcached: `cache = memcached()` gives a private server and a client."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, find_program
from onsite.services.server_handle import ServerHandle, client_library

PACKAGE = package_of("memcached")
PORT_FILE = "listening"


class Memcached(ServerHandle):
    """A memcached, with a client that returns text."""

    service = "memcached"
    call = "memcached"
    variable = PACKAGE.variable

    def __init__(self, address: str, server: process.Server | None = None) -> None:
        """Connect to the server at `address` and ask it what it is."""
        pymemcache = client_library("pymemcache", "pymemcache")
        self._client = pymemcache.Client(
            address,
            connect_timeout=5,
            timeout=5,
            encoding="utf-8",
            default_noreply=False,  # a lesson sees the answer of every command
            deserializer=lambda key, value, flags: value.decode(),
        )
        self.version = self._client.version().decode()
        super().__init__(address, server)

    @property
    def url(self) -> str:
        """The address: memcached://host:port. Most clients take host:port, which is `name`."""
        self._require_open()
        return f"memcached://{self._address}"

    @property
    def client(self) -> Any:
        """A ready `pymemcache.Client`; values are `str`."""
        self._require_open()
        return self._client

    def connect(self, **options: Any) -> Any:
        """Make a client of your own; `options` go to `pymemcache.Client`."""
        self._require_open()
        return client_library("pymemcache", "pymemcache").Client(self._address, **options)

    def stats(self) -> dict[str, str]:
        """What the server counts, by its own names: get_hits, curr_items, bytes..."""
        self._require_open()
        return {_text(key): _text(value) for key, value in self._client.stats().items()}

    def _release(self) -> None:
        self._client.close()
        super()._release()


def memcached(megabytes: int = 64) -> Memcached:
    """Give a private memcached that holds at most `megabytes`; each call starts another.

    With `ONSITE_MEMCACHED_URL` set it is the user's own server, with whatever it holds.

    Raises:
        OnsiteError: no server can be found, started or reached.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    program = find_program((PACKAGE.program,), None, (), cure("memcached"), PACKAGE.debian)
    found = re.match(r"memcached (\S+)", program.banner)
    if found is None:
        raise OnsiteError(f"{program.path} is not a memcached: it says {program.banner!r}.")
    server = process.launch(
        process.Recipe(
            service=Memcached.service,
            version=found[1],
            origin=program.origin,
            prepare=partial(_prepare, program, megabytes),
            ready=_ready,
            stop_signal=signal.SIGTERM,
            environment={**program.environment, "MEMCACHED_PORT_FILENAME": PORT_FILE},
        )
    )
    try:
        return Memcached(f"127.0.0.1:{server.port}", server)
    except BaseException:
        server.close()
        raise


def _on_own_server(address: str) -> Memcached:
    parts = urlsplit(address)
    if parts.scheme != "memcached" or not parts.hostname:
        raise OnsiteError(f"{PACKAGE.variable} must look like memcached://host:11211.")
    try:
        return Memcached(f"{parts.hostname}:{parts.port or 11211}")
    except OSError as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({error}); start it, or unset "
            f"{PACKAGE.variable} for a private server."
        ) from error


def _prepare(program: Program, megabytes: int, data: Path, port: int) -> Sequence[str]:
    listen = ("-l", "127.0.0.1", "-p", str(port), "-U", "0")
    return (str(program.path), *listen, "-m", str(megabytes), "-v")


def _ready(data: Path, port: int) -> bool:
    """Take away the file that the server wrote when it began to listen: a restart writes anew."""
    note = data / PORT_FILE
    try:
        listening = f"TCP INET: {port}" in note.read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    if listening:
        note.unlink()
    return listening


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
