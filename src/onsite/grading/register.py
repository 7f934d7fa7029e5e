"""A module's notebooks and cells made known to the gradebook, which is made if there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
from nbgrader.preprocessors import SaveCells
from sqlalchemy import make_url
from sqlalchemy.exc import SAWarning

from onsite.errors import OnsiteError
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

    Raises:
        OnsiteError: nbgrader's own helper, which a new gradebook needs, failed or was killed.
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
    """Make a SQLite gradebook in one step, so that no grader meets half of one."""
    name = make_url(db_url).database
    if not db_url.startswith("sqlite") or not name or name == ":memory:" or Path(name).exists():
        return
    path = Path(name)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        whole = Path(folder) / path.name
        with _open(f"sqlite:///{whole}", ""):
            pass
        with suppress(FileExistsError):  # somebody else was faster
            path.hardlink_to(whole)


@contextmanager
def _open(db_url: str, course: str) -> Iterator[Gradebook]:
    """The gradebook, without what SQLAlchemy 2 has to say about nbgrader's use of it."""
    if shutil.which("alembic") is None:
        # Nbgrader calls it by name, also when the environment is not activated.
        here = Path(sys.executable).parent
        os.environ["PATH"] = os.pathsep.join([str(here), os.environ.get("PATH", "")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        with _opened(db_url, course) as book:
            yield book


def _opened(db_url: str, course: str) -> Gradebook:
    try:
        with suppress(InvalidEntry):
            return Gradebook(db_url, course)
        # Another grader has written the course's row between nbgrader's look and its own.
        return Gradebook(db_url, course)
    except subprocess.CalledProcessError as error:
        raise OnsiteError(
            "nbgrader could not make the gradebook, since alembic, which it starts, failed "
            f"({error}); run the same command again."
        ) from None


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
