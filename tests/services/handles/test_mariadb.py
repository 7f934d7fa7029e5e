"""MariaDB: a client round trip, settings, crash and restart, overrides."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pymysql
import pytest
import sqlalchemy

from onsite.errors import OnsiteError
from onsite.services import MariaDB, folders, mariadb

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def db(runtime: object) -> Iterator[MariaDB]:
    with mariadb(innodb_lock_wait_timeout=1) as handle:
        yield handle


def ask(db: MariaDB, query: str) -> object:
    with db.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_a_round_trip(db: MariaDB) -> None:
    ask(db, "CREATE TABLE notes (id int PRIMARY KEY, words text)")
    ask(db, "INSERT INTO notes VALUES (1, 'grüezi 🙂')")
    assert ask(db, "SELECT words FROM notes") == (("grüezi 🙂",),)
    assert ask(db, "SELECT DATABASE()") == ((db.database,),)
    engine = sqlalchemy.create_engine(db.sqlalchemy_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM notes")).scalar() == 1
    engine.dispose()


def test_it_says_what_it_is_and_takes_settings(db: MariaDB) -> None:
    assert str(ask(db, "SELECT VERSION()")[0][0]).startswith(f"{db.version}-MariaDB")  # type: ignore[index]
    assert db.service == "MariaDB"
    assert ask(db, "SELECT @@innodb_lock_wait_timeout, @@time_zone") == ((1, "+00:00"),)


def test_only_a_password_lets_people_in(db: MariaDB) -> None:
    port = urlsplit(db.url).port or 0
    for password in ("", "wrong"):
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            pymysql.connect(host="127.0.0.1", port=port, user="root", password=password)
    assert ask(db, "SELECT User FROM mysql.user WHERE authentication_string = ''") == (
        ("mariadb.sys",),  # an account that is locked
    )


def test_committed_rows_survive_a_crash(db: MariaDB) -> None:
    ask(db, "CREATE TABLE kept (n int)")
    ask(db, "INSERT INTO kept VALUES (7)")
    db.kill()
    assert db.state == "stopped"
    with pytest.raises(pymysql.err.OperationalError, match="refused"):
        db.connect()
    db.start()
    assert ask(db, "SELECT n FROM kept") == ((7,),)


def test_own_server(db: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_MARIADB_URL", db.url)
    with mariadb() as own:
        name = own.database
        ask(own, "CREATE TABLE t (n int)")
        assert (name,) in ask(db, "SHOW DATABASES")  # type: ignore[operator]
        assert db.url.split("@")[0].split(":")[2] not in own._repr_html_()
        with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
            own.stop()
    assert (name,) not in ask(db, "SHOW DATABASES")  # type: ignore[operator]
    with pytest.raises(OnsiteError, match="your own: set max_connections there"):
        mariadb(max_connections=3)
    for address, message in (
        ("postgresql://x", "must look like mysql://"),
        ("mysql://u:secret@127.0.0.1:1", "cannot be used .*refused"),
    ):
        monkeypatch.setenv("ONSITE_MARIADB_URL", address)
        with pytest.raises(OnsiteError, match=message) as caught:
            mariadb()
        assert "secret" not in str(caught.value)


def test_a_failing_start_shows_its_log_and_leaves_nothing(db: MariaDB) -> None:
    before = list(folders.server_folders())
    with pytest.raises(OnsiteError, match=r"(?s)mariadbd failed.*no-such-option"):
        mariadb(no_such_option=1)
    assert list(folders.server_folders()) == before


def test_use_after_close_is_clear() -> None:
    db = mariadb()
    db.close()
    db.close()
    for use in (lambda: db.url, db.connect, db.stop, db.log_tail):
        with pytest.raises(OnsiteError, match=r"closed; call mariadb\(\) for a new one"):
            use()
