"""A primary with replicas: lag, promotion, nodes that stop, links that are cut and slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.services.owners import wait_until

from onsite.errors import OnsiteError
from onsite.services import PostgresCluster, folders, postgres_cluster, process

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(runtime: object) -> Iterator[PostgresCluster]:
    with postgres_cluster() as cluster:
        yield cluster


def write(cluster: PostgresCluster, *commands: str) -> None:
    with cluster.connect(autocommit=True) as connection:
        for command in commands:
            connection.execute(command.encode())


def count(node: object) -> int:
    with node.connect() as connection:  # type: ignore[attr-defined]
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    return int(row[0])


MANY = "INSERT INTO t SELECT generate_series(1, 5000)"


def test_a_replica_follows_and_takes_no_writes(pair: PostgresCluster) -> None:
    (replica,) = pair.replicas
    write(pair, "CREATE TABLE t (x int)", MANY)
    pair.catch_up()
    assert count(replica) == 5000
    assert (pair.primary.is_primary, replica.is_primary) == (True, False)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), replica.connect() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    with pair.connect() as connection:
        rows = connection.execute(
            "SELECT application_name, state, sync_state FROM pg_stat_replication"
        )
        assert rows.fetchall() == [("node_2", "streaming", "async")]


def test_lag_while_the_link_is_cut(pair: PostgresCluster) -> None:
    (replica,) = pair.replicas
    write(pair, "CREATE TABLE t (x int)")
    pair.catch_up()
    link = pair.link(pair.primary, replica)
    assert link is pair.link(replica, pair.primary)
    link.cut()
    write(pair, MANY)
    (lag,) = pair.lag()
    assert lag.node == "node_2"
    assert lag.bytes > 5000
    assert lag.seconds > 0
    assert count(replica) == 0
    with pytest.raises(OnsiteError, match=r"node_2 has not caught up within 0.2 s; its link may"):
        pair.catch_up(0.2)
    link.heal()
    pair.catch_up()
    assert count(replica) == 5000
    assert [one.bytes for one in pair.lag()] == [0]


def test_lag_while_the_link_is_slow(pair: PostgresCluster) -> None:
    (replica,) = pair.replicas
    write(pair, "CREATE TABLE t (x int)", MANY)
    pair.catch_up()
    link = pair.link(pair.primary, replica)
    latency = 1.5  # much less than the time in which a silent peer is given up
    link.set(latency=latency)
    before = link.counts()["down"]
    write(pair, MANY)
    (lag,) = pair.lag()
    assert lag.bytes > 5000, "what was committed is still on its way"
    assert lag.seconds > 0
    assert count(replica) == 5000
    pair.catch_up()
    assert count(replica) == 10_000
    assert link.counts()["down"] - before > lag.bytes, "the log came by this link"
    # the primary measures the way there and back, which cannot be less than the fault
    measured = "SELECT coalesce(extract(epoch FROM max(flush_lag)), 0) FROM pg_stat_replication"
    wait_until(lambda: pair.primary._ask(measured)[0] > 1.9 * latency, "it has been measured")
    link.heal()


def test_lag_while_the_link_is_narrow(pair: PostgresCluster) -> None:
    (replica,) = pair.replicas
    write(pair, "CREATE TABLE t (x int)")
    pair.catch_up()
    link = pair.link(pair.primary, replica)
    link.set("down", bandwidth=20_000)
    start = link.counts()["down"]
    write(pair, MANY)
    (first,) = pair.lag()
    assert first.bytes > 100_000
    wait_until(lambda: link.counts()["down"] - start > 40_000, "some of it has passed")
    (later,) = pair.lag()
    assert 0 < later.bytes <= first.bytes, "it comes, slowly"
    assert later.seconds > first.seconds > 0
    assert link.counts()["open"] == 1, "slow is not broken"
    link.heal()
    pair.catch_up()
    assert count(replica) == 5000
    assert pair.lag()[0].seconds == 0


def test_a_node_that_was_stopped_catches_up(pair: PostgresCluster) -> None:
    (replica,) = pair.replicas
    write(pair, "CREATE TABLE t (x int)")
    replica.stop()
    assert pair.state == "node_2 stopped"
    assert pair.lag() == []
    write(pair, MANY)
    replica.start()
    pair.catch_up()
    assert (pair.state, count(replica)) == ("running", 5000)


def test_failover_and_the_way_back() -> None:
    with postgres_cluster(replicas=2) as cluster:
        old, second, third = cluster.nodes
        write(cluster, "CREATE TABLE t (x int)", MANY)
        cluster.catch_up()
        old.stop()
        with pytest.raises(OnsiteError, match="node_1 is stopped: nothing to compare"):
            cluster.lag()
        cluster.promote(second)
        assert cluster.primary is second
        assert cluster.replicas == (old, third)
        assert "node_2 (primary)" in repr(cluster)
        write(cluster, "INSERT INTO t VALUES (0)")
        cluster.catch_up()
        assert count(third) == 5001, "it follows the new primary"
        assert cluster.link(third, second).counts()["open"] == 1
        with pytest.raises(OnsiteError, match="nothing goes between node_1 and node_3"):
            cluster.link(old, third)
        cluster.rejoin(old)
        assert count(old) == 5001
        assert not old.is_primary
        for wrong in (cluster.promote, cluster.rejoin):
            with pytest.raises(OnsiteError, match="node_2 is the primary"):
                wrong(second)


def test_copying_the_primary_shows_nobody_its_password(
    pair: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, commands = process.fill, []

    def watched(data: Path, command: Sequence[str | Path], *more: Any) -> None:
        commands.append([str(word) for word in command])
        fill(data, command, *more)

    monkeypatch.setattr(process, "fill", watched)
    pair.rejoin(pair.replicas[0])
    (words,) = commands
    assert words[0].endswith("pg_basebackup")
    password = urlsplit(pair.url).password
    assert password and not any(password in word for word in words)


def test_a_split_after_a_promotion_while_the_old_primary_runs(pair: PostgresCluster) -> None:
    old, new = pair.nodes
    write(pair, "CREATE TABLE t (x int)")
    pair.catch_up()
    pair.promote(new)
    assert old.is_primary and new.is_primary
    with old.connect() as connection:
        connection.execute(MANY)
    assert (count(old), count(new)) == (5000, 0)
    pair.rejoin(old)
    assert count(old) == 0, "what the new primary never had is lost"


def test_a_synchronous_commit_waits_for_the_replica() -> None:
    with postgres_cluster(synchronous=True) as cluster:
        (replica,) = cluster.replicas
        write(cluster, "CREATE TABLE t (x int)")
        link = cluster.link(cluster.primary, replica)
        link.cut()
        writer = threading.Thread(target=write, args=(cluster, "INSERT INTO t VALUES (1)"))
        writer.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        wait_until(lambda: cluster.primary._ask(waiting) == (1,), "the commit waits")
        assert count(cluster.primary) == 0
        link.heal()
        writer.join(20)
        assert not writer.is_alive()
        assert count(cluster.primary) == 1


def test_it_needs_a_sensible_number_of_replicas() -> None:
    for number in (0, 6):
        with pytest.raises(OnsiteError, match=f"has 1 to 5 replicas, not {number}"):
            postgres_cluster(replicas=number)


def test_closing_leaves_nothing_and_use_after_that_is_clear() -> None:
    before = list(folders.server_folders())
    cluster = postgres_cluster()
    cluster.close()
    cluster.close()
    assert cluster.state == "closed"
    assert list(folders.server_folders()) == before
    for use in (lambda: cluster.url, lambda: cluster.primary, cluster.lag, cluster.connect):
        with pytest.raises(OnsiteError, match=r"closed; call postgres_cluster\(\) for a new one"):
            use()
    assert "closed" in cluster._repr_html_()
