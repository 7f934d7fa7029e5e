"""A connection to the gradebook's database, SQLite or PostgreSQL, that waits for its turn."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from onsite.errors import OnsiteError

#: How long a writer waits for another one, such as nbgrader or formgrader, in seconds.
PATIENCE = 60.0
#: The INSERT of each kind of database, both with ON CONFLICT.
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def connect(db_url: str) -> Engine:
    """An engine whose transactions are ready to write from their first statement.

    Raises:
        OnsiteError: it is neither SQLite nor PostgreSQL, or the driver is missing.
    """
    try:
        url = make_url(db_url)
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": PATIENCE})
            event.listen(engine, "connect", _leave_transactions_alone)
            event.listen(engine, "begin", _begin_to_write)
            return engine
        if url.get_backend_name() in INSERT:
            return create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise OnsiteError(
            f"c.CourseDirectory.db_url in nbgrader_config.py is no address of a gradebook: {error}."
        ) from None
    raise OnsiteError(
        f"The gradebook {shown(db_url)} is neither SQLite nor PostgreSQL; set "
        "c.CourseDirectory.db_url in nbgrader_config.py to one of these."
    )


def patient(db_url: str) -> str:
    """The address, by which nbgrader waits as long as we do: of itself it gives up after 5 s."""
    url = make_url(db_url)
    if url.get_backend_name() == "sqlite":
        url = url.update_query_dict({"timeout": str(PATIENCE)})
    return url.render_as_string(hide_password=False)


def shown(db_url: str) -> str:
    """The address without its password."""
    return make_url(db_url).render_as_string(hide_password=True)


# Python's sqlite3 opens transactions late, and SQLite then lets two readers that both want to
# write fail at once. BEGIN IMMEDIATE, from SQLAlchemy's documentation of pysqlite, makes the
# second one wait.


def _leave_transactions_alone(connection: Any, record: object) -> None:
    connection.isolation_level = None


def _begin_to_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
