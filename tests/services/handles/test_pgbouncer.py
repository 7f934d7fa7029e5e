"""PgBouncer: what each mode shares, the admin console, overrides."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy

from onsite.errors import OnsiteError
from onsite.services import PgBouncer, Postgres, pgbouncer, postgres

PID = "SELECT pg_backend_pid()"


@pytest.fixture
def pg() -> Iterator[Postgres]:
    with postgres() as handle:
        yield handle


@pytest.fixture
def pool(pg: Postgres) -> Iterator[PgBouncer]:
    with pgbouncer(pg, mode="transaction", pool_size=1) as handle:
        yield handle


def test_transactions_share_one_server_connection(pg: Postgres, pool: PgBouncer) -> None:
    with pool.connect() as one, pool.connect() as two:
        pids = set()
        for client in (one, two, one):
            pids.add(client.execute(PID).fetchone())
            client.commit()
        assert len(pids) == 1, "two clients, one connection to the server"
        one.execute("SET work_mem = '5MB'")
        one.commit()
        assert two.execute("SHOW work_mem").fetchone() == ("5MB",), "what one left behind"
    with pool.connect() as client:
        assert client.execute("SELECT current_database()").fetchone() == (pg.name,)


def test_sessions_do_not(pg: Postgres) -> None:
    with pgbouncer(pg, mode="session", pool_size=2) as pool:
        assert "session mode" in repr(pool)
        with pool.connect() as one, pool.connect() as two:
            pids = [client.execute(PID).fetchone() for client in (one, two)]
            one.commit()
            assert pids[0] != pids[1]
            assert one.execute(PID).fetchone() == pids[0]


def test_pools_are_readable(pg: Postgres, pool: PgBouncer) -> None:
    with pool.connect() as client:
        client.execute("SELECT 1")  # the transaction stays open
        (row,) = (row for row in pool.show("POOLS") if row["database"] == pg.name)
        assert (row["cl_active"], row["sv_active"], row["pool_mode"]) == (1, 1, "transaction")
    assert {"key", "value"} <= pool.show("CONFIG")[0].keys()


def test_a_client_that_waits_too_long_for_a_connection(pg: Postgres) -> None:
    with (
        pgbouncer(pg, pool_size=1, query_wait_timeout=1) as pool,
        pool.connect() as one,
        pool.connect() as two,
    ):
        one.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="query_wait_timeout"):
            two.execute("SELECT 1")


def test_pause_and_resume(pg: Postgres, pool: PgBouncer) -> None:
    def paused() -> bool:
        (row,) = (row for row in pool.show("DATABASES") if row["name"] == pg.name)
        return bool(row["paused"])

    assert not paused()
    pool.admin(f"PAUSE {pg.name}")
    assert paused()
    pool.admin(f"RESUME {pg.name}")
    assert not paused()
    with pool.connect() as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_sqlalchemy(pg: Postgres, pool: PgBouncer) -> None:
    engine = sqlalchemy.create_engine(pool.sqlalchemy_url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_database()")).scalar() == pg.name


def test_stop_and_start(pool: PgBouncer) -> None:
    pool.stop()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        pool.connect()
    pool.start()
    with pool.connect() as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_a_mode_that_does_not_exist(pg: Postgres) -> None:
    with pytest.raises(OnsiteError, match="no mode 'query'; its modes are session, transaction"):
        pgbouncer(pg, mode="query")  # type: ignore[arg-type]


def test_a_failing_start_shows_its_log(pg: Postgres) -> None:
    with pytest.raises(OnsiteError, match=r"(?s)PgBouncer .* did not start.*no_such_setting"):
        pgbouncer(pg, no_such_setting=1)


def test_own_pgbouncer(pg: Postgres, pool: PgBouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_PGBOUNCER_URL", pool.url)
    with pgbouncer(pg, mode="transaction") as own, own.connect() as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
        assert "your server (ONSITE_PGBOUNCER_URL)" in repr(own)
    with pytest.raises(OnsiteError, match="is in transaction mode and session mode was asked"):
        pgbouncer(pg, mode="session")
    for address, message in (
        ("http://x", "must look like postgresql://"),
        ("postgresql://u:secret@127.0.0.1:1", "cannot be used"),
    ):
        monkeypatch.setenv("ONSITE_PGBOUNCER_URL", address)
        with pytest.raises(OnsiteError, match=message) as caught:
            pgbouncer(pg)
        assert "secret" not in str(caught.value)


def test_use_after_close_is_clear(pool: PgBouncer) -> None:
    pool.close()
    pool.close()
    for use in (lambda: pool.url, pool.connect, lambda: pool.show("POOLS"), pool.stop):
        with pytest.raises(OnsiteError, match=r"closed; call pgbouncer\(\) for a new one"):
            use()
