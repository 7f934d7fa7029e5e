"""Servers written in Python: nothing survives, root is dropped, failures are explained."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.services.owners import SOURCE, Owner, is_alive, is_open, open_files, wait_until

from onsite.errors import OnsiteError
from onsite.services import folders, kafka, oidc, process, python_program, s3, smtp
from onsite.services.account import server_account
from onsite.services.handle import Handle

CELERY = """
from celery import Celery
kv = valkey()
app = Celery("shop", broker=kv.url)
@app.task
def hold():
    open(PATH, "w").write(str(os.getpid()))
    time.sleep(600)
h = celery_worker(app)
hold.delay()
while not (os.path.exists(PATH) and open(PATH).read()): time.sleep(.05)
"""
MAKERS = {
    "kafka": "h = kafka(); p = h.producer(); p.produce('t', 'x'); p.flush(9)\n",
    "smtp": "h = smtp()\n",
    "oidc": "h = oidc()\n",
    "s3": "h = s3(); h.client.put_object(Bucket=h.bucket, Key='k', Body=b'x')\n",
    "celery_worker": CELERY,
}
ALL = [
    pytest.param(name, marks=pytest.mark.slow if name == "celery_worker" else ()) for name in MAKERS
]
SERVERS: dict[str, Callable[[], Handle]] = {"kafka": kafka, "smtp": smtp, "oidc": oidc, "s3": s3}


@pytest.fixture
def start(own: Callable[..., Owner], tmp_path: Path) -> Callable[[str], tuple[Owner, list[Any]]]:
    """Start the owner of a service; gives it and all processes below it, by id."""

    def begin(name: str) -> tuple[Owner, list[Any]]:
        note = tmp_path / "pid"
        owner = own(
            f"from onsite.services import {name}\nPATH = {str(note)!r}\n"
            + MAKERS[name]
            + "say(describe())\nsys.stdin.readline(); say(h.state); time.sleep(600)\n"
        )
        servers = owner.hear()
        below = psutil.Process(owner.process.pid).children(recursive=True)
        servers[-1]["all"] = [one.pid for one in below]
        if note.exists():
            assert int(note.read_text()) in servers[-1]["all"], "the task's process is among them"
        return owner, servers

    return begin


def connections(pids: list[int]) -> list[int]:
    """The ports that `pids` listen at."""
    return [
        one.laddr.port
        for pid in pids
        for one in psutil.Process(pid).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    ]


@pytest.mark.parametrize("name", ALL)
def test_nothing_survives_the_owners_sigkill(
    start: Callable[[str], tuple[Owner, list[Any]]],
    assert_gone: Callable[[list[Any]], None],
    name: str,
) -> None:
    owner, servers = start(name)
    pids = servers[-1]["all"]
    ports = connections(pids)
    owner.process.kill()
    assert_gone(servers)
    for pid in pids:
        wait_until(lambda: not is_alive(pid), f"process {pid} is gone")  # noqa: B023
    assert not any(map(is_open, ports)), "brokers listen at further ports"


@pytest.mark.parametrize("name", ALL)
def test_nothing_survives_the_keepers_sigkill(
    start: Callable[[str], tuple[Owner, list[Any]]], name: str
) -> None:
    owner, servers = start(name)
    os.kill(servers[-1]["keeper"], signal.SIGKILL)
    if os.uname().sysname == "Linux":  # elsewhere the next start ends it
        wait_until(lambda: not is_alive(servers[-1]["pid"]), "the kernel ended it")
    owner.go_on()
    assert owner.hear() == "closed"
    folders.clean()
    assert not Path(servers[-1]["folder"]).exists()


@pytest.mark.parametrize("name", SERVERS)
def test_listening_is_on_loopback_only_and_data_is_private(name: str) -> None:
    process.close_servers()  # of tests before this one
    with SERVERS[name]():
        (server,) = process._servers
        entry = folders.read_entry(server.folder)
        assert entry is not None
        found = psutil.Process(entry["pid"])
        listening = [
            one.laddr.ip
            for one in found.net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        assert set(listening) == {"127.0.0.1"}
        data = (server.folder / "data").stat()
        assert stat.S_IMODE(data.st_mode) == 0o700
        account = server_account()
        wanted = os.geteuid() if account is None else account.uid
        assert found.uids().real == found.uids().saved == data.st_uid == wanted
        if account is not None:
            assert found.gids().real == found.gids().saved == account.gid
            groups = Path(f"/proc/{found.pid}/status").read_text().partition("Groups:")[2]
            assert groups.partition("\n")[0].split() == []


@pytest.mark.parametrize("name", SERVERS)
def test_a_port_that_is_taken_meanwhile(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = []

    def first_a_taken_one() -> int:
        ports.append(taken.getsockname()[1] if not ports else free())
        return ports[-1]

    free = process.free_port
    monkeypatch.setattr(process, "free_port", first_a_taken_one)
    with socket.create_server(("127.0.0.1", 0)) as taken, SERVERS[name]() as handle:
        assert handle.state == "running"
        assert len(ports) == 2


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_fails_to_start_shows_its_log_and_leaves_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.close_servers()  # of tests before this one
    # as if a library that it is linked to were missing
    monkeypatch.setattr(
        python_program,
        "python_command",
        lambda module: ("sh", "-c", "echo 'libssl.so.9: cannot open shared object file'; exit 3"),
    )
    with pytest.raises(OnsiteError, match=r"(?s)exited with code 3.*libssl.so.9: cannot open"):
        SERVERS[name]()
    assert process._servers == []
    assert list(folders.server_folders()) == []


@pytest.mark.parametrize(
    ("name", "package"),
    [("kafka", "confluent-kafka"), ("smtp", "aiosmtpd"), ("oidc", "authlib"), ("s3", "moto")],
)
def test_a_missing_wheel_says_how_to_get_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(wanted: str) -> str:
        raise importlib.metadata.PackageNotFoundError(wanted)

    monkeypatch.setattr(importlib.metadata, "version", none)
    with pytest.raises(OnsiteError) as caught:
        SERVERS[name]()
    for word in (f"no {package}", "pip install", "conda install", f"./onsite services add {name}"):
        assert word in str(caught.value)


@pytest.mark.parametrize("name", SERVERS)
def test_the_card(name: str) -> None:
    with SERVERS[name]() as handle:
        card = handle._repr_html_()
        for word in (handle.version, "running", handle.url, "wheel "):
            assert word in card
    assert ">closed<" in handle._repr_html_()


def test_ten_cycles_leak_nothing(runtime: Path) -> None:
    process.close_servers()  # of tests before this one
    me = psutil.Process()
    smtp().close()  # what is made only once
    others = set(me.children(recursive=True))
    before, files = open_files(), sorted(runtime.rglob("*"))
    for _ in range(10):
        with smtp() as post:
            assert post.mails == ()
    assert open_files() <= before
    assert set(me.children(recursive=True)) <= others
    assert sorted(runtime.rglob("*")) == files


def test_services_add_brings_what_is_written_in_python_with_pip() -> None:
    # it is there already, so that no network is needed
    added = subprocess.run(
        [sys.executable, "-m", "onsite", "services", "add", "smtp"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    assert added.returncode == 0, added.stderr
    assert "Requirement already satisfied: aiosmtpd" in added.stdout
