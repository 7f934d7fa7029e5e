"""What can go wrong on a machine, tried with real servers: each has a clear message."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.services.owners import Owner
from tests.services.test_account import ROOT

from onsite.errors import OnsiteError
from onsite.services import (
    folders,
    mariadb,
    memcached,
    pgbouncer,
    postgres,
    process,
    rabbitmq,
    valkey,
)
from onsite.services.handles import pgbouncer as pgbouncer_module
from onsite.services.server_handle import ServerHandle


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    process.close_servers()
    yield
    process.close_servers()
    assert list(folders.server_folders()) == []


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        yield stranger.getsockname()[1]


MAKERS: dict[str, Callable[[], Any]] = {
    "mariadb": mariadb,
    "memcached": memcached,
    "postgres": lambda: postgres(work_mem="8MB"),
    "rabbitmq": rabbitmq,
    "valkey": valkey,
}


@pytest.mark.slow
@pytest.mark.parametrize("service", MAKERS)
def test_a_port_that_is_taken_meanwhile_is_given_up(
    service: str, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = process.free_port
    # RabbitMQ's port mapper comes first
    drawn = iter([free(), taken] if service == "rabbitmq" else [taken])
    monkeypatch.setattr(process, "free_port", lambda: next(drawn, None) or free())
    with MAKERS[service]() as handle:
        assert handle.state == "running"
        assert str(taken) not in handle.name
    assert next(drawn, None) is None, "the taken port was tried"


def test_pgbouncer_gives_up_a_port_that_is_taken(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres() as pg:
        free = process.free_port
        drawn = iter([taken])
        monkeypatch.setattr(process, "free_port", lambda: next(drawn, None) or free())
        with pgbouncer(pg) as pool, pool.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root can mount a small disk")
@pytest.mark.parametrize(
    ("call", "room"), [("postgres()", 8), ("mariadb()", 1), ("valkey(persistence='aof')", 0)]
)
def test_a_full_disk(own: Callable[..., Owner], runtime: Path, call: str, room: int) -> None:
    place = runtime.with_name("small-disk")
    place.mkdir(exist_ok=True)
    packages = runtime / "packages"
    owner = own(
        "from onsite.services import *\nfrom onsite.errors import OnsiteError\n"
        f"place = {str(place)!r}\n"
        # never fill anything but the small disk
        "assert os.path.ismount(place) and os.statvfs(place).f_blocks < 10_000\n"
        "folders.home()\n"
        f"os.rmdir(place + '/packages'); os.symlink({str(packages)!r}, place + '/packages')\n"
        f"with open(place + '/fill', 'wb', buffering=0) as fill:\n"
        f"    for _ in range({(16 - room) * 256}):\n"
        "        try: fill.write(bytes(4096))\n"
        "        except OSError: break\n"
        f"try: {call}; say('it started')\n"
        "except OnsiteError as error: say(str(error))\n"
        "say([str(path) for path in folders.server_folders()])\n",
        command=(
            "unshare",
            "-m",
            "sh",
            "-c",
            f"mount -t tmpfs -o size=16m,mode=711 none '{place}' && exec \"$@\"",
            "sh",
            sys.executable,
        ),
        env=os.environ | {"ONSITE_RUNTIME": str(place), "PYTHONPATH": os.environ["PYTHONPATH"]},
    )
    said = owner.hear()
    signs = ("No space left on device", "error 28", "Check free disk space")
    assert any(sign in said for sign in signs), said
    assert owner.hear() == []
    assert owner.end() == 0


def damage(path: Path) -> None:
    path.write_bytes(b"not what it was" * 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "file", "message"),
    [
        (
            lambda: postgres(work_mem="8MB"),
            "global/pg_control",
            "did not start.*files are incompatible with server",
        ),
        (mariadb, "ibdata1", "did not start.*InnoDB"),
        (
            lambda: valkey(persistence="aof"),
            "appendonlydir/appendonly.aof.manifest",
            "did not start.*manifest",
        ),
    ],
)
def test_a_corrupt_data_folder(make: Callable[[], Any], file: str, message: str) -> None:
    with make():
        server = process._servers[-1]
        server.stop()
        damage(server.folder / "data" / file)
        with pytest.raises(OnsiteError, match=f"(?s){message}"):
            server.start()


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    find = pgbouncer_module.find_program

    def without_libraries(*words: Any) -> Any:
        return replace(find(*words), environment={})

    monkeypatch.setattr(pgbouncer_module, "find_program", without_libraries)
    with postgres() as pg, pytest.raises(OnsiteError, match=r"does not run here: .*libcares"):
        pgbouncer(pg)


def test_a_missing_client_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymemcache", None)
    with pytest.raises(OnsiteError, match="`pip install pymemcache` adds it"):
        memcached()


def test_cards_say_what_runs_where() -> None:
    with memcached() as cache:
        card = cache._repr_html_()
        for words in (f"memcached {cache.version}", "running", cache.name, cache.url):
            assert words in card
        assert isinstance(cache, ServerHandle)
