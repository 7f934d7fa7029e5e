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
from tests.services.test_account import ordinary, place

from onsite.errors import OnsiteError
from onsite.services import (
    folders,
    haproxy,
    kafka,
    mariadb,
    memcached,
    nginx,
    pgbouncer,
    postgres,
    process,
    rabbitmq,
    s3,
    valkey,
)
from onsite.services.handles import haproxy as haproxy_module
from onsite.services.handles import nginx as nginx_module
from onsite.services.handles import pgbouncer as pgbouncer_module
from onsite.services.server_handle import ServerHandle

__all__ = ["ordinary", "place"]  # fixtures


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


NOTHING = "server { listen {address}; return 204; }"
"""A configuration of nginx that stands before nothing."""
NOBODY = "listen web\n    bind {address}\n"
"""The same of HAProxy."""
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


def on_a_small_disk(place: Path, uid: int) -> tuple[str, ...]:
    """The beginning of a command that runs with a disk of 16 MB at `place`, seen by it alone.

    An ordinary user gets it by becoming root in a namespace of their own, and `uid` again in
    another one within. Where the kernel forbids that the test fails; CONTRIBUTING.md has the cure.
    """
    mount = f"mount -t tmpfs -o size=16m,mode=711 none '{place}' && exec"
    if uid == 0:
        return ("unshare", "-m", "sh", "-c", f'{mount} "$@"', "sh")
    back = f"unshare --user --map-user={uid} --map-group={uid}"
    return ("unshare", "-rm", "sh", "-c", f'{mount} {back} "$@"', "sh")


# never fill anything but the small disk
FILL = """
from onsite.services import *
from onsite.errors import OnsiteError
import psutil
(kind,) = {p.fstype for p in psutil.disk_partitions(all=True) if p.mountpoint == place}
assert kind == "tmpfs" and os.path.ismount(place), kind
assert os.statvfs(place).f_blocks * os.statvfs(place).f_frsize == 16 << 20
def fill(room):
    with open(place + "/fill", "ab", buffering=0) as file:
        for _ in range(16 * 256):
            found = os.statvfs(place)
            if found.f_bavail * found.f_frsize <= room << 20: break
            try: file.write(bytes(4096))
            except OSError: break
def attempt(call):
    try: call(); say("it started")
    except OnsiteError as error: say(str(error))
    say([str(path) for path in folders.server_folders()])
folders.home()
if os.access(packages, os.W_OK):  # what was fetched once is not fetched again
    os.rmdir(place + "/packages")
    os.symlink(packages, place + "/packages")
"""
LINUX = pytest.mark.skipif(
    sys.platform != "linux",
    reason="no small disk without rights; test_files_that_cannot_grow runs on all systems",
)


@pytest.fixture
def small_disk(own: Callable[..., Owner], runtime: Path) -> Callable[..., Owner]:
    """Make owners whose runtime folder is a small disk; `options` are for another user's."""

    def make(code: str, **options: Any) -> Owner:
        disk = runtime.with_name("small-disk")
        disk.mkdir(exist_ok=True)
        uid = options.get("user", os.geteuid())
        os.chown(disk, uid, -1)
        python = options.pop("command", (sys.executable,))
        environment = {**os.environ, **options.pop("env", {})}
        names = f"place, packages = {str(disk)!r}, {str(runtime / 'packages')!r}\n"
        return own(
            names + FILL + code,
            command=(*on_a_small_disk(disk, uid), *python),
            env={**environment, "ONSITE_RUNTIME": str(disk)},
            **options,
        )

    return make


def assert_told(owner: Owner) -> None:
    """The message says that the disk is full, and nothing is left behind."""
    said = owner.hear()
    signs = ("No space left on device", "error 28", "Check free disk space")
    assert any(sign in said for sign in signs), said
    assert owner.hear() == []


SMALL_DISK_CASES = [
    ("postgres()", 8),
    ("mariadb()", 1),
    ("valkey(persistence='aof')", 0),
    (f"nginx({NOTHING!r})", 0),
    (f"haproxy({NOBODY!r})", 0),
    ("kafka()", 0),
    ("s3()", 0),
]


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize(("call", "room"), SMALL_DISK_CASES)
def test_a_full_disk(small_disk: Callable[..., Owner], call: str, room: int) -> None:
    owner = small_disk(f"fill({room}); attempt(lambda: {call})")
    assert_told(owner)
    assert owner.end() == 0


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize(("call", "room"), [("postgres()", 8), ("valkey(persistence='aof')", 0)])
def test_a_full_disk_of_an_ordinary_user(
    small_disk: Callable[..., Owner], ordinary: dict[str, Any], call: str, room: int
) -> None:
    owner = small_disk(f"say(os.geteuid()); fill({room}); attempt(lambda: {call})", **ordinary)
    assert owner.hear() != 0
    assert_told(owner)
    assert owner.end() == 0


@LINUX
@pytest.mark.slow
def test_a_disk_that_fills_up_under_servers(small_disk: Callable[..., Owner]) -> None:
    """Clients hear of it, nothing half-written is shown, and all goes well again with room."""
    owner = small_disk("""
from smtplib import SMTPDataError
mail = ("a@x.org", ["b@x.org"], "Subject: Hi\\n\\n" + "many words\\n" * 900)
post, kv = smtp(), valkey(persistence="aof")
kv.client.set("before", 1)
fill(0)
try: post.connect().sendmail(*mail); say("it was taken")
except SMTPDataError as error: say([error.smtp_code, error.smtp_error.decode()])
say(len(post.mails))
try:
    for _ in range(100): kv.client.set("k", "x" * 9_000)
    say("it was taken")
except Exception as error: say(str(error))
os.unlink(place + "/fill")
post.connect().sendmail(*mail)
say(len(post.mails))
say(kv.client.get("before"))
""")
    assert owner.hear() == [452, "insufficient storage: No space left on device"]
    assert owner.hear() == 0
    assert "MISCONF" in owner.hear()
    assert owner.hear() == 1
    assert owner.hear() == "1"
    assert owner.end() == 0


@pytest.mark.parametrize(
    "call",
    [
        "valkey(persistence='aof')",
        f"nginx({NOTHING!r})",
        f"haproxy({NOBODY!r})",
        "kafka()",
        "s3()",
    ],
)
def test_files_that_cannot_grow(own: Callable[..., Owner], call: str) -> None:
    """As on a full disk, by a limit that needs neither rights nor a disk: all systems have it."""
    owner = own(
        "import resource\nfrom onsite.services import *\nfrom onsite.errors import OnsiteError\n"
        "there = len(list(folders.server_folders()))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        f"try: {call}; say('it started')\n"
        "except OnsiteError as error: say(str(error))\n"
        "say(len(list(folders.server_folders())) - there)\n"
    )
    said = owner.hear()
    assert "cannot be started below" in said and "File too large" in said, said
    assert owner.hear() == 0
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
        (lambda: nginx(NOTHING), "nginx.conf", "did not start.*unexpected end of file.*nginx.conf"),
        (
            lambda: haproxy(NOBODY),
            "haproxy.cfg",
            "did not start.*haproxy.cfg:1.*Fatal errors",
        ),
        (kafka, "settings.json", "did not start.*JSONDecodeError"),
        (s3, "settings.json", "did not start.*JSONDecodeError"),
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


def test_a_program_without_its_libraries(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = haproxy_module.find_program
    alone = runtime.with_name("haproxy-alone")

    def found(*words: Any) -> Any:
        program = find(*words)
        # its libraries lie beside it, or are the machine's, which cannot be taken away
        whole = program.path.read_bytes()
        alone.write_bytes(whole.replace(b"libc.so.6\0", b"libc.so.9\0"))
        alone.chmod(0o755)
        return replace(program, path=alone)

    monkeypatch.setattr(haproxy_module, "find_program", found)
    with pytest.raises(OnsiteError, match=r"does not run here: .*lib\S+: cannot open"):
        haproxy(NOBODY)


def test_a_damaged_program(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = nginx_module.find_program
    broken = runtime.with_name("broken-nginx")
    broken.write_bytes(b"not what it was" * 1000)
    broken.chmod(0o755)
    monkeypatch.setattr(
        nginx_module, "find_program", lambda *words: replace(find(*words), path=broken)
    )
    with pytest.raises(OnsiteError, match=r"broken-nginx does not run here: .*Exec format error"):
        nginx(NOTHING)


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
