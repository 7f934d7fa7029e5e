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


def test_settings_of_its_own_server() -> None:
    with postgres() as shared, postgres(work_mem="7MB", search_path="it's, public") as own:
        for name, value in (("work_mem", "7MB"), ("search_path", "it's, public")):
            asked = f"SELECT current_setting('{name}')"
            with own.connect() as mine, shared.connect() as others:
                assert mine.execute(asked).fetchone() == (value,)
                assert others.execute(asked).fetchone() != (value,)
        server = own._server
    assert server is not None and not server.folder.exists()
    with postgres() as shared:
        assert shared.state == "running"


def test_a_setting_that_does_not_exist_is_named_and_nothing_is_left() -> None:
    before = list(folders.server_folders())
    with pytest.raises(OnsiteError, match=r'(?s)did not start.*parameter "no_such_setting"'):
        postgres(no_such_setting=1)
    assert list(folders.server_folders()) == before


def test_settings_on_an_own_server(pg: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_POSTGRES_URL", pg.url)
    with postgres(work_mem="7MB") as own, own.connect() as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
    before = databases(pg)
    with pytest.raises(OnsiteError, match=r"max_connections.* cannot be changed"):
        postgres(max_connections=5)
    assert databases(pg) == before


def test_by_socket(pg: Postgres) -> None:
    with psycopg.connect(pg.socket_url) as connection:
        asked = "SELECT inet_server_addr(), current_database()"
        assert connection.execute(asked).fetchone() == (None, pg.name)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(pg.socket_url.replace(pg.url.split("@")[0].split(":")[2], ""))


def test_a_path_too_long_for_a_socket(own: Callable[..., Owner], runtime: Path) -> None:
    long = runtime.with_name("long" * 25)
    owner = own(
        "from onsite.errors import OnsiteError\n"
        "pg = postgres()\n"
        "with pg.connect() as c: say(c.execute('SELECT 1').fetchone())\n"
        "try: pg.socket_url\n"
        "except OnsiteError as error: say(str(error))\n",
        env=os.environ | {"ONSITE_RUNTIME": str(long)},
    )
    assert owner.hear() == [1]
    said = owner.hear()
    assert "too long for one; set ONSITE_RUNTIME to a folder with a shorter path" in said
    assert owner.end() == 0


def test_extensions_for_search(pg: Postgres) -> None:
    with pg.connect() as connection:
        connection.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_trgm")
        row = connection.execute(
            "SELECT '[0,3]'::vector <-> '[4,0]'::vector, similarity('word', 'word')"
        )
        assert row.fetchone() == (5.0, 1.0)


def test_explain_gives_a_tree(pg: Postgres) -> None:
    with pg.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE customers AS SELECT generate_series(1, 100) AS id")
        connection.execute(
            "CREATE TABLE orders AS SELECT n AS id, n % 100 + 1 AS customer"
            " FROM generate_series(1, 5000) AS n"
        )
        connection.execute("CREATE INDEX by_customer ON orders (customer)")
        connection.execute("ANALYZE customers, orders")
        query = (
            "SELECT count(*) FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id < %s"
        )
        plan = pg.explain(query, [11])
        assert plan.kind == "Aggregate"
        assert (plan.rows, plan.loops) == (1, 1)
        (orders,) = (node for node in plan.find("Scan") if node.target.startswith("orders"))
        assert orders.loops * (orders.rows or 0) in (500, 5000)
        assert plan.milliseconds is not None and orders.milliseconds is not None
        assert plan.milliseconds >= orders.milliseconds
        lookup = "SELECT * FROM orders WHERE customer = 7 ORDER BY id"
        assert pg.explain(lookup).find("Index")
        connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
        here = pg.explain(lookup, connection=connection)
        assert not here.find("Index")
        (scan,) = here.find("Seq Scan")
        assert (scan.rows, scan.target) == (50, "orders")
        assert "Filter: (customer = 7)" in scan.conditions


def test_explain_changes_nothing(pg: Postgres) -> None:
    with pg.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS x")
        assert pg.explain("DELETE FROM t").find("ModifyTable")
        planned = pg.explain("DELETE FROM t", analyze=False)
        assert planned.rows is None and planned.milliseconds is None
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
