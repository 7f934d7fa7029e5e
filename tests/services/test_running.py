"""`onsite services`: what runs, and stopping it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.services.owners import SOURCE, Owner

from onsite.services import process, running, valkey


def onsite(*words: str, **variables: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "COLUMNS": "160"} | variables
    done = subprocess.run(
        [sys.executable, "-m", "onsite", "services", *words],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_running_server_is_listed_truthfully(own: Callable[..., Owner]) -> None:
    owner = own("kv = valkey(); pg = postgres(); say(describe()); time.sleep(60)")
    servers = owner.hear()
    listed = {one.pid: one for one in running.running()}
    for server, name in zip(servers, ("Valkey", "PostgreSQL"), strict=True):
        one = listed[server["pid"]]
        assert one.service == name
        assert one.owner == owner.process.pid
        assert one.keeper == server["keeper"]
        assert one.address == f"127.0.0.1:{server['port']}"
        assert one.origin.startswith("wheel ")
    table = onsite()
    assert table == onsite("status")
    for one in listed.values():
        row = next(line for line in table.splitlines() if one.address in line)
        for word in (one.service, one.version, str(one.pid), str(one.owner)):
            assert word in row


def test_a_stopped_server_is_listed_as_such() -> None:
    with valkey() as kv:
        kv.stop()
        (one,) = [one for one in running.running() if one.address in kv.name]
        assert one.pid is None


@pytest.mark.slow
def test_stop_ends_servers_whoever_owns_them(
    own: Callable[..., Owner], assert_gone: Callable[[list[dict[str, Any]]], None]
) -> None:
    process.close_servers()
    owner = own(
        "kv = valkey(); pg = postgres(); say(describe()); sys.stdin.readline()\n"
        "say([kv.state, pg.state])\n"
        "try: kv.start()\n"
        "except Exception as error: say(str(error))\n"
        "with postgres() as new: say(new.state)\n"
        "kv.close(); pg.close()\n"
    )
    servers = owner.hear()
    said = onsite("stop")
    assert "stopped Valkey" in said and "stopped PostgreSQL" in said
    assert_gone(servers)
    owner.go_on()
    assert owner.hear() == ["closed", "closed"]
    assert "ended for good" in owner.hear()
    assert owner.hear() == "running", "the next call starts a new server"
    assert owner.end() == 0
    assert onsite("stop") == onsite() == "No server runs.\n"


def test_own_servers_are_named_without_their_passwords() -> None:
    said = onsite(ONSITE_POSTGRES_URL="postgresql://me:secret@db.example:5433/x")
    assert "ONSITE_POSTGRES_URL: your own server at db.example:5433" in said
    assert "secret" not in said


def test_every_override_is_known() -> None:
    handles = Path(running.__file__).parent / "handles"
    named = re.findall(r"ONSITE_\w+_URL", "".join(p.read_text() for p in handles.glob("*.py")))
    assert set(named) <= set(running.VARIABLES)
    assert {"ONSITE_POSTGRES_URL", "ONSITE_REDIS_URL", "ONSITE_RABBITMQ_URL"} <= {
        *running.VARIABLES
    }


def test_a_damaged_entry_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    with valkey() as kv:
        entry = process._servers[-1].folder / "entry.json"
        entry.write_text('{"service": ')
        assert all(one.address not in kv.name for one in running.running())
        assert kv.client.ping()
