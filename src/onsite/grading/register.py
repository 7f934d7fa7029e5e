"""A module's notebooks and cells made known to the gradebook, which is made if there is none."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Base, Gradebook, InvalidEntry, MissingEntry
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import SaveCells
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SAWarning

from onsite.grading.database import patient
from onsite.grading.evolve import evolve


def register(db_url: str, course: str, module: str, masters: Mapping[str, NotebookNode]) -> None:
    """Make sure that the gradebook knows a module's notebooks and their cells.

    A fresh clone has no gradebook, since `nbgrader generate_assignment` was run by someone else.

    Args:
        db_url: the gradebook.
        course: nbgrader's id of the course.
        module: the assignment's name.
        masters: its notebooks by name, from `restore.master`.
    """
    db_url = patient(db_url)
    _make(db_url)
    with _open(db_url, course) as book:
        book.update_or_create_assignment(module)
        changed = {
            name: notebook
            for name, notebook in masters.items()
            if _differs(book, module, name, notebook)
        }
        if changed:
            evolve(book, module, changed)
    for name, notebook in changed.items():
        resources = {"nbgrader": {"notebook": name, "assignment": module, "db_url": db_url}}
        SaveCells().preprocess(notebook, resources)


def _make(db_url: str) -> None:
    """Make a new gradebook in one step, so that no grader meets half of one."""
    url = make_url(db_url)
    if not db_url.startswith("sqlite"):
        with suppress(IntegrityError, ProgrammingError):  # somebody else was faster
            _make_tables(db_url)
        return
    if not url.database or url.database == ":memory:" or Path(url.database).exists():
        return
    path = Path(url.database)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        whole = Path(folder) / path.name
        _make_tables(f"sqlite:///{whole}")
        with suppress(FileExistsError):  # somebody else was faster
            path.hardlink_to(whole)


def _make_tables(db_url: str) -> None:
    """What nbgrader does with a gradebook that has no tables, in one transaction.

    And without the program that it starts for it, `alembic heads`, which takes longer than the
    grading of a few students.
    """
    engine = create_engine(db_url)
    try:
        if inspect(engine).get_table_names():
            return
        from alembic.config import Config  # which only a new gradebook needs
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", ALEMBIC_DIR.replace("%", "%%"))
        with engine.begin() as connection:
            Base.metadata.create_all(connection)
            context = MigrationContext.configure(connection, opts={"version_table_pk": False})
            context.stamp(ScriptDirectory.from_config(config), "head")
    finally:
        engine.dispose()


@contextmanager
def _open(db_url: str, course: str) -> Iterator[Gradebook]:
    """The gradebook, without what SQLAlchemy 2 has to say about nbgrader's use of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        with _opened(db_url, course) as book:
            yield book


def _opened(db_url: str, course: str) -> Gradebook:
    with suppress(InvalidEntry):
        return Gradebook(db_url, course)
    # Another grader has written the course's row between nbgrader's look and its own.
    return Gradebook(db_url, course)


def _differs(book: Gradebook, module: str, name: str, notebook: NotebookNode) -> bool:
    try:
        known = book.find_notebook(name, module)
    except MissingEntry:
        return True
    rows = {cell.name: (cell.source, cell.checksum) for cell in known.source_cells}
    return rows != {
        cell.metadata.nbgrader["grade_id"]: (cell.source, cell.metadata.nbgrader.get("checksum"))
        for cell in notebook.cells
        if any(
            cell.metadata.get("nbgrader", {}).get(kind)
            for kind in ("grade", "solution", "locked", "task")
        )
    }
