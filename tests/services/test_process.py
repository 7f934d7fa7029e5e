"""Starting: a port that is taken, a server that does not come up."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services.owners import is_alive, wait_until

from onsite.errors import OnsiteError
from onsite.services import folders, process, valkey
from onsite.services.process import Recipe


def recipe(prepare: Callable[[Path, int], Sequence[str]], ready: bool = False) -> Recipe:
    return Recipe(
        service="Sample",
        version="1.0",
        origin="a test",
        prepare=prepare,
        ready=lambda data, port: ready,
        stop_signal=signal.SIGTERM,
        patience=1.0,
    )


@pytest.fixture(autouse=True)
def nothing_is_left() -> object:
    folders.clean()
    before = set(folders.server_folders())
    servers = process._servers.copy()
    yield
    assert set(folders.server_folders()) <= before
    assert process._servers == servers


def test_a_failing_start_shows_the_end_of_the_log() -> None:
    script = "for i in $(seq 50); do echo line $i; done; echo no disk for this >&2; exit 7"
    with pytest.raises(OnsiteError) as caught:
        process.launch(recipe(lambda data, port: ("/bin/sh", "-c", script)))
    message = str(caught.value)
    assert "Sample 1.0 did not start (exited with code 7)" in message
    assert message.endswith("line 50\nno disk for this")
    assert "line 30\n" not in message


def test_a_server_that_dies_by_a_signal_is_named_so() -> None:
    with pytest.raises(OnsiteError, match="killed by 9"):
        process.launch(recipe(lambda data, port: ("/bin/sh", "-c", "kill -9 $$")))


def test_a_program_that_cannot_run() -> None:
    with pytest.raises(OnsiteError, match=r"did not start \(failed: .*No such file"):
        process.launch(recipe(lambda data, port: ("/no/such/program",)))


def test_an_error_before_the_start_leaves_nothing() -> None:
    def prepare(data: Path, port: int) -> Sequence[str]:
        raise OSError(28, "No space left on device")

    with pytest.raises(OnsiteError, match=r"Sample cannot be started .*No space left on device"):
        process.launch(recipe(prepare))


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0.3)
    with pytest.raises(OnsiteError, match=r"no answer within 0 s"):
        process.launch(recipe(lambda data, port: ("/bin/sleep", "60")))


def test_a_server_that_ignores_its_signal_is_killed() -> None:
    script = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
    server = process.launch(recipe(lambda data, port: ("/bin/sh", "-c", script), ready=True))
    wait_until(lambda: server.log_tail() == "deaf", "it ignores the signal")
    server.stop()
    assert server.state == "stopped"
    server.close()


def test_a_port_that_is_taken_meanwhile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        free = process.free_port()
        ports = iter([taken, taken, free])
        monkeypatch.setattr(process, "free_port", lambda: next(ports))
        with valkey() as kv:
            assert kv.url.endswith(f":{free}")
            assert kv.client.ping()


def test_a_port_that_was_taken_while_the_server_was_stopped() -> None:
    kv = valkey()
    kv.stop()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", int(kv.name.partition(":")[2])))
        stranger.listen()
        with pytest.raises(OnsiteError, match="Address already in use"):
            kv.start()
    kv.start()
    assert kv.client.ping()
    kv.close()


def test_a_stranger_on_the_port_is_not_taken_for_our_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # another Valkey answers there; ours cannot bind, and its failure is what is reported
    with valkey() as other:
        port = int(other.name.partition(":")[2])
        monkeypatch.setattr(process, "free_port", lambda: port)
        with pytest.raises(OnsiteError, match="Address already in use"):
            valkey()


def test_free_ports_ignore_seeds() -> None:
    import random

    def draw() -> list[int]:
        random.seed(1)
        return [process.free_port() for _ in range(4)]

    assert draw() != draw()


def test_servers_do_not_get_the_learners_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert not {"PGPORT", "SECRET_TOKEN"} & set(process.server_environment())


@pytest.mark.parametrize("end", ["stop", "kill", "close", "by itself"])
def test_nothing_that_a_server_leaves_behind_lives_on(end: str) -> None:
    # a child in its own session, and a child of that child, as supervisors make them
    script = (
        "setsid sh -c 'sleep 61 & echo $!; exec sleep 62' & echo $!;"
        "while [ ! -e end ]; do sleep 0.05; done"
    )
    server = process.launch(recipe(lambda data, port: ("/bin/sh", "-c", script), ready=True))
    wait_until(lambda: len(server.log_tail().split()) == 2, "it has made its processes")
    left = [int(word) for word in server.log_tail().split()]
    assert all(map(is_alive, left))
    if end == "by itself":
        (server.folder / "data" / "end").touch()
        wait_until(lambda: server.state == "exited with code 0", "it has ended")
    else:
        getattr(server, end)()
    assert not any(map(is_alive, left))
    server.close()


def test_logs_do_not_grow_for_ever() -> None:
    script = (
        "line=$(printf %01000d 0); i=0; while [ $i -lt 40000 ]; do echo $i $line; "
        "[ $i -lt 500 ] && echo $i >> rows; i=$((i+1)); done; "
        "while :; do echo done; sleep 0.2; done"
    )
    written = replace(recipe(lambda data, port: ("/bin/sh", "-c", script), True), logs=("rows",))
    server = process.launch(written)
    wait_until(lambda: server.log_tail(1) == "done", "it has written 40 MB")
    log = server.folder / "log"
    wait_until(lambda: 0 < log.stat().st_size < 36 << 20, "its log is shortened")
    first = log.open(encoding="ascii").readline()
    assert re.fullmatch(r"\d+ 0{1000}\n", first), "the log begins with a whole line"
    assert (server.folder / "data" / "rows").read_text().split()[-1] == "499"
    server.close()
