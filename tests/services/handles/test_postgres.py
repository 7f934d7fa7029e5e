"""PostgreSQL: fresh databases, overrides, messages."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from tests.services.owners import Owner, wait_until

from onsite.errors import OnsiteError
from onsite.services import Postgres, folders, postgres, process
from onsite.services.handles import postgres as module
from onsite.services.programs import Wheel


@pytest.fixture
def pg() -> Iterator[Postgres]:
    with postgres() as handle:
        yield handle


def databases(pg: Postgres) -> set[str]:
    with pg.connect() as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_each_call_gives_a_fresh_empty_database_on_the_same_server(pg: Postgres) -> None:
    with pg.connect() as connection:
        connection.execute("CREATE TABLE orders (id int)")
    with postgres() as other:
        assert other.name != pg.name
        with other.connect() as connection:
            tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            assert connection.execute(tables).fetchone() == (0,)
        assert {pg.name, other.name} <= databases(pg)
        with pg.connect() as one, other.connect() as two:
            asked = "SELECT pg_postmaster_start_time()"
            assert one.execute(asked).fetchone() == two.execute(asked).fetchone()
    assert other.name not in databases(pg)


def test_addresses_work_with_their_clients(pg: Postgres) -> None:
    assert pg.url.startswith("postgresql://") and "@127.0.0.1:" in pg.url
    with psycopg.connect(pg.url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (pg.name,)
    engine = sqlalchemy.create_engine(pg.sqlalchemy_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_database()")).scalar() == pg.name
    engine.dispose()
    with pg.connect(autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        assert connection.autocommit
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_version_is_what_the_server_says(pg: Postgres) -> None:
    with pg.connect() as connection:
        said = connection.execute("SHOW server_version").fetchone()
    assert said is not None and said[0].split()[0] == pg.version


def test_tools_for_query_topics_are_loaded(pg: Postgres) -> None:
    with pg.connect(autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("SELECT pg_stat_statements_reset()")
        connection.execute("SELECT 1 + 1")
        rows = connection.execute(
            "SELECT calls FROM pg_stat_statements WHERE query LIKE '%$1 + $2%'"
        )
        assert rows.fetchall() == [(1,)]
        connection.execute("SET auto_explain.log_min_duration = 0")
        connection.execute("SELECT 'seen by auto_explain'")
    assert "Query Text: SELECT 'seen by auto_explain'" in pg.log_tail(20)


def test_only_a_password_lets_people_in(pg: Postgres) -> None:
    host = pg.url.partition("@")[2]
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgresql://postgres@{host}")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(f"postgresql://postgres:wrong@{host}")


def test_data_is_for_nobody_else_to_read(pg: Postgres) -> None:
    (server,) = process._servers
    for path in (server.folder / "data", *folders.home().glob("templates/postgres-*")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_closing_twice_is_harmless_and_using_it_after_that_is_clear() -> None:
    pg = postgres()
    pg.close()
    pg.close()
    assert pg.state == "closed"
    for use in (lambda: pg.url, pg.connect, pg.log_tail, pg.__enter__, lambda: pg.sqlalchemy_url):
        with pytest.raises(OnsiteError, match=r"closed; call postgres\(\) for a new one"):
            use()


def test_close_does_not_wait_for_open_connections(pg: Postgres) -> None:
    other = postgres()
    connection = other.connect()
    connection.execute("SELECT 1")
    other.close()
    assert other.name not in databases(pg)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_a_server_that_died_is_replaced(pg: Postgres) -> None:
    (server,) = process._servers
    server.stop()
    assert pg.state == "stopped"
    with postgres() as new:
        assert new.state == "running"
        assert not server.folder.exists()


def test_own_server(pg: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    before = databases(pg)
    monkeypatch.setenv("ONSITE_POSTGRES_URL", pg.url.replace("postgresql://", "postgres://"))
    with postgres() as own:
        assert own.url.startswith("postgresql://")
        assert databases(pg) == before | {own.name}
        with own.connect() as connection:
            connection.execute("CREATE TABLE t (x int)")
        assert "your server (ONSITE_POSTGRES_URL)" in repr(own)
        assert own.state == "running"
        with pytest.raises(OnsiteError, match="not ours to read"):
            own.log_tail()
    assert databases(pg) == before


def test_a_database_of_a_killed_owner_is_dropped_by_the_next_and_a_live_one_is_not(
    pg: Postgres, own: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONSITE_POSTGRES_URL", pg.url)
    owner = own("pg = postgres(); say(pg.name); time.sleep(60)")
    orphan = owner.hear()
    with postgres() as live:
        assert {orphan, live.name, pg.name} <= databases(pg)
        owner.process.kill()
        owner.process.wait()

        def dropped() -> bool:  # the server may take a moment to notice that its client is gone
            postgres().close()
            return orphan not in databases(pg)

        wait_until(dropped, "the orphan is dropped")
        assert {live.name, pg.name} <= databases(pg)


def test_own_server_keeps_the_options_of_its_address(
    pg: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONSITE_POSTGRES_URL", pg.url + "?application_name=learner")
    with postgres() as own, own.connect() as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("learner",)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://localhost/x", "must look like postgresql://"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be used .*unset ONSITE_POSTGRES_URL"),
    ],
)
def test_own_server_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setenv("ONSITE_POSTGRES_URL", address)
    with pytest.raises(OnsiteError, match=message) as caught:
        postgres()
    assert "secret" not in str(caught.value)


def test_a_failing_initdb_shows_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    process.close_servers()
    fake = runtime.with_name("fake bin")
    fake.mkdir()
    for name, script in {
        "postgres": "echo 'postgres (PostgreSQL) 18.0'",
        "initdb": "echo 'initdb: no room for tables' >&2; exit 1",
    }.items():
        (fake / name).write_text(f"#!/bin/sh\n{script}\n")
        (fake / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "WHEEL", Wheel("no-such-wheel", "*", ()))
    before = sorted(folders.home().rglob("*/"))
    with pytest.raises(OnsiteError, match=r"(?s)initdb of PostgreSQL 18.0 .*no room for tables"):
        postgres()
    assert sorted(folders.home().rglob("*/")) == before


def test_a_failing_start_shows_its_log_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    process.close_servers()
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | {"shared_buffers": "'many'"})
    with pytest.raises(OnsiteError, match=r'(?s)did not start.*invalid value.*"shared_buffers"'):
        postgres()
    assert list(folders.server_folders()) == []
    assert process._servers == []
