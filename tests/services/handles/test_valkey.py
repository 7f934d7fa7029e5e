"""Valkey: private servers, stop and start, a database on a user's own server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from redis import AuthenticationError, Redis
from redis import ConnectionError as Unreachable
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry
from tests.services.owners import Owner, wait_until

from onsite.errors import OnsiteError
from onsite.services import Valkey, faulty, redis, valkey
from onsite.services.handles import valkey as module
from onsite.services.handles.valkey import Persistence


@pytest.fixture
def kv() -> Iterator[Valkey]:
    with valkey() as handle:
        yield handle


@pytest.fixture
def theirs(kv: Valkey, monkeypatch: pytest.MonkeyPatch) -> Valkey:
    """A server that stands for the user's own."""
    monkeypatch.setenv("ONSITE_REDIS_URL", kv.url)
    return kv


def number(handle: Valkey) -> int:
    return int(urlsplit(handle.url).path[1:] or 0)


def test_each_call_is_a_server_of_its_own(kv: Valkey) -> None:
    kv.client.set("greeting", "hello")
    assert kv.client.get("greeting") == "hello"
    with valkey() as other:
        assert other.url != kv.url
        assert other.client.dbsize() == 0
    assert kv.client.dbsize() == 1


def test_redis_is_the_same_function() -> None:
    assert redis is valkey


def test_it_says_what_it_is(kv: Valkey) -> None:
    info = kv.client.info("server")
    assert kv.version == info["valkey_version"]
    assert kv.service == "Valkey"
    assert "Redis protocol" in repr(kv)
    assert info["redis_version"] not in repr(kv)


def test_connect_makes_a_client_with_options(kv: Valkey) -> None:
    kv.client.set("k", "v")
    with kv.connect() as client:
        assert client.get("k") == b"v"
    with kv.connect(decode_responses=True, client_name="mine") as client:
        assert client.client_getname() == "mine"


def test_only_a_password_lets_people_in(kv: Valkey) -> None:
    parts = urlsplit(kv.url)
    at_once = Retry(NoBackoff(), retries=0)
    with (
        Redis(host="127.0.0.1", port=parts.port or 0, protocol=2, retry=at_once) as stranger,
        pytest.raises(AuthenticationError, match="Authentication required"),
    ):
        stranger.ping()


def test_a_private_server_has_further_databases(kv: Valkey) -> None:
    with kv.connect(db=3) as client:
        client.set("k", "v")
    assert kv.client.dbsize() == 0
    assert kv.client.info("keyspace")["db3"]["keys"] == 1


def test_on_an_own_server_other_databases_are_out_of_reach(theirs: Valkey) -> None:
    with valkey() as lent, lent.connect(db=9) as client:
        client.set("k", "v")
        assert lent.client.get("k") == "v"


def test_stop_and_start_on_the_same_port(kv: Valkey) -> None:
    url = kv.url
    kv.client.set("k", "v")
    kv.stop()
    assert kv.state == "stopped"
    with pytest.raises(Unreachable):
        kv.client.get("k")
    kv.stop()
    kv.start()
    kv.start()
    assert (kv.state, kv.url) == ("running", url)
    assert kv.client.get("k") is None
    assert "Ready to accept connections" in kv.log_tail(3)


def test_closing_twice_is_harmless_and_using_it_after_that_is_clear() -> None:
    kv = valkey()
    kv.close()
    kv.close()
    assert kv.state == "closed"
    uses = (lambda: kv.url, lambda: kv.client, kv.connect, kv.stop, kv.start, kv.log_tail)
    for use in uses:
        with pytest.raises(OnsiteError, match=r"closed; call valkey\(\) for a new one"):
            use()


def test_own_server_lends_a_database_of_its_own(theirs: Valkey) -> None:
    with valkey() as one, valkey() as two:
        assert len({number(theirs), number(one), number(two)}) == 3
        one.client.set("k", "one")
        two.client.set("k", "two")
        assert (one.client.get("k"), two.client.get("k")) == ("one", "two")
        assert theirs.client.get("k") is None
        assert "your server (ONSITE_REDIS_URL)" in repr(one)
    assert theirs.client.info("keyspace") == {}, "databases are emptied and marks removed"


def test_own_server_keeps_data_that_is_not_ours(theirs: Valkey) -> None:
    with theirs.connect(db=1) as client:
        client.set("precious", 1)
        with valkey() as one:
            assert number(one) == 2
        assert client.get("precious") == b"1"


def test_own_server_that_is_full(theirs: Valkey) -> None:
    for n in range(1, 16):
        with theirs.connect(db=n) as client:
            client.set("precious", n)
    with pytest.raises(OnsiteError, match=r"all numbered databases .* are in use; empty one"):
        valkey()
    assert theirs.client.dbsize() == 0


def test_own_server_is_not_ours_to_stop(theirs: Valkey) -> None:
    with valkey() as own:
        for use in (own.stop, own.start):
            with pytest.raises(OnsiteError, match="is your own; stop and start it yourself"):
                use()
        with pytest.raises(OnsiteError, match="not ours to read"):
            own.log_tail()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://localhost", "must look like redis://"),
        ("redis://127.0.0.1:1", "cannot be used .*unset ONSITE_REDIS_URL"),
    ],
)
def test_own_server_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setenv("ONSITE_REDIS_URL", address)
    with pytest.raises(OnsiteError, match=message):
        valkey()


def test_a_claim_ends_when_its_owner_is_killed(
    theirs: Valkey, own: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = "from onsite.services.handles import valkey as v; v.LEASE_SECONDS = 0.4\n"
    owner = own(short + "kv = valkey(); kv.client.set('k', 'v'); say(kv.url); time.sleep(60)")
    database = int(urlsplit(owner.hear()).path[1:])
    lease = f"onsite:lease:{database}"
    time.sleep(1)  # longer than the lease: it is renewed
    assert theirs.client.exists(lease)
    owner.process.kill()
    wait_until(lambda: not theirs.client.exists(lease), "the lease has expired")
    with valkey() as next_one:
        assert number(next_one) == database
        assert next_one.client.dbsize() == 0, "what the dead owner left is gone"


def test_an_owner_that_lost_its_claim_does_not_empty_the_next_ones_keys(
    theirs: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.4)
    loser = valkey()
    for mark in ("lease", "used"):
        theirs.client.set(f"onsite:{mark}:{number(loser)}", "somebody else")
    with theirs.connect(db=number(loser)) as client:
        client.set("precious", 1)
        wait_until(lambda: loser.state != "running", "the loss is noticed")
        loser.close()
        assert client.get("precious") == b"1"


@pytest.mark.parametrize(
    ("persistence", "after_stop", "after_kill"),
    [("none", None, None), ("aof", "1", "2"), ("snapshot", "1", None)],
)
def test_what_is_kept(
    persistence: Persistence, after_stop: str | None, after_kill: str | None
) -> None:
    with valkey(persistence=persistence) as kv:
        kv.client.set("stopped", 1)
        kv.stop()
        kv.start()
        assert kv.client.get("stopped") == after_stop
        kv.client.set("killed", 2)
        kv.kill()
        assert kv.state == "stopped"
        kv.start()
        assert kv.client.get("killed") == after_kill
        assert kv.client.get("stopped") == after_stop


def test_a_persistence_that_does_not_exist() -> None:
    with pytest.raises(OnsiteError, match="no persistence 'disk'; there are none, aof, snapshot"):
        valkey(persistence="disk")  # type: ignore[arg-type]


def test_a_replica_behind_a_link_that_is_cut(kv: Valkey) -> None:
    kv.client.set("k", "old")
    with faulty(kv) as link, kv.replica(through=link) as copy:
        assert copy.client.get("k") == "old"
        link.cut()
        kv.client.set("k", "new")
        assert kv.client.wait(1, 200) == 0
        assert copy.client.get("k") == "old"
        link.heal()
        assert kv.client.wait(1, 10_000) == 1
        assert copy.client.get("k") == "new"


def test_a_replica_can_be_promoted(kv: Valkey) -> None:
    kv.client.set("k", "v")
    with kv.replica() as copy:
        with pytest.raises(ResponseError, match="read only replica"):
            copy.client.set("k", "w")
        kv.kill()
        copy.client.replicaof("NO", "ONE")
        assert copy.client.set("k", "w")


def test_own_server_has_its_own_persistence_and_replicas(theirs: Valkey) -> None:
    with pytest.raises(OnsiteError, match="your own matter; unset ONSITE_REDIS_URL"):
        valkey(persistence="aof")
    with valkey() as own:
        with pytest.raises(OnsiteError, match="gets no replicas here"):
            own.replica()
        with pytest.raises(OnsiteError, match="is your own; stop and start it yourself"):
            own.kill()


def test_a_replica_does_not_wait_for_further_ones(kv: Valkey) -> None:
    delay = "repl-diskless-sync-delay"
    with kv.replica() as replica:
        for server in (kv, replica):  # the one that sends the copy decides; a replica may, later
            assert server.client.config_get(delay) == {delay: "0"}
