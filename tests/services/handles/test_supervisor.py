"""A real supervisord: its programs' states, a killed one that is restarted, what it reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.services.owners import Owner, is_alive, is_open, wait_until

from onsite.errors import OnsiteError
from onsite.services import Supervisor, folders, process, supervisor, valkey

CODE = "import os, sys, time\nprint('100% up as', os.getpid(), flush=True)\ntime.sleep(600)"
AT_ONCE = {"startsecs": 0}


@pytest.fixture
def sv() -> Iterator[Supervisor]:
    worker = {"command": ["python", "-c", CODE], **AT_ONCE}
    crash = {"command": "sh -c 'exit 3'", "startretries": 0}
    with supervisor({"worker": worker, "crash": crash}) as handle:
        yield handle


def test_status_of_its_programs(sv: Supervisor) -> None:
    row = sv.wait("worker")
    assert is_alive(row["pid"])
    assert row["seconds"] >= 0
    assert sv.wait("crash", "FATAL")["pid"] is None
    assert {one["name"]: one["state"] for one in sv.status()} == {
        "worker": "RUNNING",
        "crash": "FATAL",
    }
    wait_until(lambda: f"100% up as {row['pid']}" in sv.output("worker"), "its output is kept")


def test_a_killed_program_is_restarted_and_that_is_seen(sv: Supervisor) -> None:
    first = sv.wait("worker")["pid"]
    assert sv.kill_program("worker") == first
    second = sv.wait("worker")["pid"]
    assert second != first
    assert not is_alive(first) and is_alive(second)
    seen = [(row["event"], row["detail"]) for row in sv.events() if row["program"] == "worker"]
    assert ("exited", "(terminated by SIGKILL; not expected)") in seen
    spawned = [detail for event, detail in seen if event == "spawned"]
    assert spawned == [f"with pid {first}", f"with pid {second}"]
    times = [row["time"] for row in sv.events()]
    assert times == sorted(times)


def test_a_program_is_stopped_and_started(sv: Supervisor) -> None:
    pid = sv.wait("worker")["pid"]
    sv.stop_program("worker")
    assert sv.program("worker")["state"] == "STOPPED"
    assert not is_alive(pid)
    with pytest.raises(OnsiteError, match="the program worker has no process to kill"):
        sv.kill_program("worker")
    sv.start_program("worker")
    assert sv.wait("worker")["pid"] != pid


def test_one_that_fails_again_and_again_is_given_up(sv: Supervisor) -> None:
    sv.wait("crash", "FATAL")
    events = [row["event"] for row in sv.events() if row["program"] == "crash"]
    assert events == ["spawned", "exited", "gave up"]
    with pytest.raises(OnsiteError, match="refuses startProcess: "):
        sv.start_program("crash")


def test_several_processes_of_one_program() -> None:
    options = {"command": "sleep 600", "numprocs": 3, "process_name": "n%(process_num)d"}
    with supervisor({"many": options | AT_ONCE}) as sv:
        names = {row["name"] for row in sv.status()}
        assert names == {"many:n0", "many:n1", "many:n2"}
        pids = {sv.wait(name)["pid"] for name in names}
        sv.kill_program("many:n1")
        assert len(pids & {sv.wait(name)["pid"] for name in names}) == 2


def test_programs_are_the_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "import sys, os, redis, onsite; print(sys.executable, os.getcwd())"
    once = {"command": ["python", "-c", code], "autorestart": "false", **AT_ONCE}
    with supervisor({"once": once}) as sv:
        wait_until(lambda: sv.program("once")["state"] == "EXITED", "it has run")
        assert sv.program("once")["exit_code"] == 0, sv.output("once")
        said = Path(sv.output("once").split(" ")[0])
        assert said.parent == Path(sys.executable).parent


def test_programs_use_other_services() -> None:
    code = "import redis, sys; redis.Redis.from_url(sys.argv[1]).rpush('seen', 1)"
    with (
        valkey() as kv,
        supervisor({"once": ["python", "-c", code, kv.url]}),
    ):
        assert kv.client.blpop(["seen"], timeout=20) == ("seen", "1")


def test_stopped_itself_it_takes_its_programs_along_and_comes_back(sv: Supervisor) -> None:
    pid = sv.wait("worker")["pid"]
    sv.kill()
    assert not is_alive(pid), "a killed supervisord cannot stop its programs; the keeper does"
    with pytest.raises(OnsiteError, match="this supervisord is stopped"):
        sv.status()
    sv.start()
    assert sv.wait("worker")["pid"] != pid


def test_its_page_needs_the_password(sv: Supervisor) -> None:
    assert httpx.get(sv.url).status_code == 200
    assert httpx.get(f"http://{sv.name}").status_code == 401
    password = httpx.URL(sv.url).password
    assert password and password not in repr(sv)


def test_card(sv: Supervisor) -> None:
    sv.wait("worker")
    card = sv._repr_html_()
    for word in (f"supervisord {sv.version}", "worker RUNNING", sv.url, "package supervisor"):
        assert word in card
    sv.stop()
    assert "stopped" in sv._repr_html_() and "not running" in sv._repr_html_()


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ({"a b": "true"}, "a program's name has letters"),
        ({"x\n[evil]": "true"}, "a program's name has letters"),
        ({"x": {"numprocs": 2}}, "the program x has no `command`"),
        ({"x": {"command": "true", "autorestart": "perhaps"}}, "(?s)did not start.*autorestart"),
    ],
)
def test_programs_that_are_none(programs: dict[str, Any], message: str) -> None:
    before = list(folders.server_folders())
    with pytest.raises(OnsiteError, match=message):
        supervisor(programs)
    assert list(folders.server_folders()) == before


def test_names_and_states_that_do_not_come(sv: Supervisor) -> None:
    with pytest.raises(OnsiteError, match="refuses getProcessInfo: BAD_NAME: nobody"):
        sv.program("nobody")
    with pytest.raises(OnsiteError, match=r"(?s)worker is still RUNNING after 0.1 s.*100% up"):
        wait_until(lambda: "up" in sv.output("worker"), "it has begun")
        sv.wait("worker", "STOPPED", 0.1)


def test_a_port_that_is_taken_meanwhile(sv: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = iter([sv._private().port, free := process.free_port()])
    monkeypatch.setattr(process, "free_port", lambda: next(ports))
    with supervisor({}) as other:
        assert other.name.endswith(f":{free}")
        assert other.status() == []


def test_closed(sv: Supervisor) -> None:
    pid, port = sv.wait("worker")["pid"], sv._private().port
    sv.close()
    sv.close()
    assert not is_alive(pid)
    assert not is_open(port)
    for use in (sv.status, sv.events, lambda: sv.rpc, lambda: sv.url):
        with pytest.raises(OnsiteError, match=r"closed; call supervisor\(\) for a new one"):
            use()


def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None]
) -> None:
    deaf = "trap '' TERM HUP INT; sleep 600 & while :; do sleep 1; done"
    owner = own(
        "from onsite.services import supervisor\n"
        f"sv = supervisor({{'deaf': {{'command': ['sh', '-c', {deaf!r}], 'startsecs': 0}}}})\n"
        "say(sv.wait('deaf')['pid']); say(describe()); time.sleep(60)"
    )
    pid, servers = owner.hear(), owner.hear()
    owner.process.kill()
    assert_gone(servers)
    assert not is_alive(pid)
