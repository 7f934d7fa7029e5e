"""A bad network: each fault, one direction only, changed while it is used. Nothing is timed: delays
are only ever shown to be at least as long as asked."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from tests.services.owners import Owner, wait_until

from onsite.errors import OnsiteError
from onsite.services import FaultyLink, faulty, folders, postgres, valkey
from onsite.services.account import server_account
from onsite.services.python_program import facts


class Echo:
    """A server that sends back what it gets, and keeps it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.heard = b""
        self.endings: list[str] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while chunk := connection.recv(1 << 16):
                    self.heard += chunk
                    connection.sendall(chunk)
                self.endings.append("end")
            except ConnectionError:
                self.endings.append("reset")


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[FaultyLink]:
    with faulty(echo.address) as handle:
        yield handle


def dial(link: FaultyLink) -> socket.socket:
    host, _, port = link.name.partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def hear(client: socket.socket, size: int) -> bytes:
    said = b""
    while len(said) < size and (chunk := client.recv(size - len(said))):
        said += chunk
    return said


def is_silent(client: socket.socket) -> bool:
    client.settimeout(0.3)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def seconds(call: Callable[[], Any]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def test_without_faults_everything_passes_unchanged(link: FaultyLink, echo: Echo) -> None:
    data = os.urandom(3_000_000)
    with dial(link) as client:
        threading.Thread(target=client.sendall, args=(data,)).start()
        assert hear(client, len(data)) == data
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"", "the end of one direction reaches the other side"
    assert echo.heard == data
    wait_until(lambda: link.counts()["open"] == 0, "the connection is over")
    assert link.counts() == {"accepted": 1, "open": 0, "up": len(data), "down": len(data)}
    assert echo.endings == ["end"]


def test_latency_in_both_directions_or_one_and_changed_while_running(link: FaultyLink) -> None:
    with dial(link) as client:

        def turn() -> None:
            client.sendall(b"x")
            assert hear(client, 1) == b"x"

        link.set(latency=0.15)
        assert seconds(turn) >= 0.3
        link.set("down", latency=0.0)
        assert seconds(turn) >= 0.15
        assert [fault.latency for fault in link.faults.values()] == [0.15, 0.0]
        link.set("up", latency=0.5)
        assert seconds(turn) >= 0.5


def test_latency_does_not_limit_throughput(link: FaultyLink) -> None:
    # 20 chunks in flight at once: one after the other they would take 20 times as long
    link.set("up", latency=0.3)
    with dial(link) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(20):
            client.sendall(bytes([n]))
            time.sleep(0.01)
        assert hear(client, 20) == bytes(range(20))
        assert link.counts()["up"] == 20


def test_jitter_delays_but_keeps_the_order(link: FaultyLink) -> None:
    link.set("up", latency=0.05, jitter=0.05, seed=7)
    with dial(link) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(50):
            client.sendall(bytes([n]))
            time.sleep(0.002)
        assert hear(client, 50) == bytes(range(50))


def test_bandwidth_is_shared_by_connections(link: FaultyLink) -> None:
    link.set("down", bandwidth=20_000)
    with dial(link) as one, dial(link) as two:

        def both() -> None:
            for client in (one, two):
                client.sendall(bytes(5_000))
            for client in (one, two):
                assert len(hear(client, 5_000)) == 5_000

        assert seconds(both) >= 0.45
        link.set("down", bandwidth=None)
        both()


def test_a_cut_is_silent_and_what_was_sent_arrives_after_it(link: FaultyLink, echo: Echo) -> None:
    with dial(link) as client:
        client.sendall(b"before")
        assert hear(client, 6) == b"before"
        link.cut()
        client.sendall(b"during")
        with dial(link) as late:  # a connection can be made, as the cut is behind the link
            late.sendall(b"late")
            assert is_silent(client)
            assert is_silent(late)
            assert echo.heard == b"before"
            link.heal()
            assert hear(client, 6) == b"during"
            assert hear(late, 4) == b"late"


def test_a_cut_of_one_direction(link: FaultyLink, echo: Echo) -> None:
    with dial(link) as client:
        link.cut("down")
        client.sendall(b"done?")
        wait_until(lambda: echo.heard == b"done?", "the request arrives")
        assert is_silent(client), "and its answer does not"
        link.heal()
        assert hear(client, 5) == b"done?"


def test_reset_breaks_open_connections_at_both_ends(link: FaultyLink, echo: Echo) -> None:
    with dial(link) as client:
        client.sendall(b"x")
        assert hear(client, 1) == b"x"
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    wait_until(lambda: echo.endings == ["reset"], "the target is told too")
    with dial(link) as client:
        client.sendall(b"y")
        assert hear(client, 1) == b"y"


def test_reset_reaches_connections_that_are_cut(link: FaultyLink) -> None:
    with dial(link) as client:
        client.sendall(b"x")
        assert hear(client, 1) == b"x"
        link.cut()
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        wait_until(lambda: link.counts()["open"] == 0, "nothing is kept of it")


def test_reset_in_the_middle_of_an_answer(link: FaultyLink, echo: Echo) -> None:
    link.set("down", reset_after=1_000)
    with dial(link) as client:
        client.sendall(bytes(5_000))
        assert len(hear(client, 1_000)) == 1_000
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    wait_until(lambda: echo.heard == bytes(5_000), "the server has got it all")
    link.set("down", reset_after=0)
    with pytest.raises(ConnectionResetError), dial(link) as client:
        client.recv(1)


def test_a_target_that_is_gone_resets_clients_and_may_come_back() -> None:
    with valkey() as kv, faulty(kv) as link:
        kv.stop()
        with pytest.raises(ConnectionResetError), dial(link) as client:
            client.recv(1)
        kv.start()
        with dial(link) as client:
            client.sendall(b"PING\r\n")
            assert client.recv(100).startswith(b"-NOAUTH")


def test_stopped_it_refuses_and_started_it_has_its_faults_again(link: FaultyLink) -> None:
    link.set("up", latency=0.2)
    link.stop()
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    for use in (link.counts, link.cut, link.reset):
        with pytest.raises(OnsiteError, match=r"is stopped; `start\(\)` brings it back"):
            use()
    link.start()
    with dial(link) as client:

        def turn() -> None:
            client.sendall(b"x")
            hear(client, 1)

        assert seconds(turn) >= 0.2


def test_before_real_services() -> None:
    import psycopg
    from redis import Redis

    with postgres() as pg, faulty(pg, direction="up", latency=0.01) as link:
        assert link.url.split("@")[0] == pg.url.split("@")[0]
        with psycopg.connect(link.url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (pg.name,)
        assert link.through(pg.sqlalchemy_url) == pg.sqlalchemy_url.replace(
            pg.url.split("@")[1].split("/")[0], link.name
        )
        link.cut()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(link.url, connect_timeout=2)
    with valkey() as kv, faulty(kv.url) as link:
        assert Redis.from_url(link.url).ping()


@pytest.mark.parametrize(
    "target", ["nowhere", "postgresql:///x", "tcp://h", "h:port", "u:secret@h:x"]
)
def test_targets_that_are_none(target: str) -> None:
    with pytest.raises(OnsiteError, match="a target is a handle, a URL with a host") as caught:
        faulty(target)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency": -1}, "latency of a faulty link must be 0 or more, not -1"),
        ({"jitter": "much"}, "jitter of a faulty link must be 0 or more, not 'much'"),
        ({"bandwidth": 0}, "bandwidth of a faulty link must be more than 0, not 0"),
        ({"latency": float("nan")}, "0 or more, not nan"),
        ({"lag": 1}, "no fault 'lag'; it has latency, jitter"),
        ({"direction": "left"}, "directions both, up, down, not 'left'"),
    ],
)
def test_faults_that_are_none(link: FaultyLink, changes: dict[str, Any], message: str) -> None:
    before = link.faults
    with pytest.raises(OnsiteError, match=message):
        link.set(**changes)
    assert link.faults == before


def test_only_who_has_the_token_commands_it(link: FaultyLink) -> None:
    port = facts(link._private())["control"]
    for said in (b'{"token": "guess", "set": {}, "reset": true}\n', b"hello\n", b"{}\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall(said)
            assert stranger.recv(100) == b""
    assert link.counts()["accepted"] == 0
    assert link.log_tail() == ""


def test_it_does_not_run_as_root_and_still_finds_names(echo: Echo) -> None:
    with faulty(echo.address.replace("127.0.0.1", "localhost")) as link:
        account = server_account()
        entry = folders.read_entry(link._private().folder)
        assert entry is not None
        uids = psutil.Process(entry["pid"]).uids()
        assert set(uids) == {os.geteuid() if account is None else account.uid}
        with dial(link) as client:
            client.sendall(b"x")
            assert hear(client, 1) == b"x"


def test_card_and_closing(echo: Echo) -> None:
    with faulty(echo.address, latency=0.2, direction="down") as link:
        card = link._repr_html_()
        for word in (f"to {echo.address}", "up: no fault; down: 0.2 s late", link.url, "running"):
            assert word in card
        folder = link._private().folder
    link.close()
    assert link.state == "closed"
    assert not folder.exists()
    for use in (link.counts, link.cut, lambda: link.url):
        with pytest.raises(OnsiteError, match=r"closed; call faulty\(\) for a new one"):
            use()


def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None]
) -> None:
    owner = own(
        "from onsite.services import faulty\n"
        "link = faulty('127.0.0.1:1'); say(describe()); time.sleep(60)"
    )
    servers = owner.hear()
    owner.process.kill()
    assert_gone(servers)


def test_a_port_that_is_taken_meanwhile(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    from onsite.services import process

    taken, free = int(echo.address.partition(":")[2]), process.free_port()
    ports = iter([taken, free])
    monkeypatch.setattr(process, "free_port", lambda: next(ports))
    with faulty(echo.address) as link:
        assert link.name.endswith(f":{free}")
