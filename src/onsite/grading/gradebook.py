"""The gradebook: nbgrader's own tables, written by one writer in batches.

    with Writer(nbgrader_config(layout), module, masters) as book:
        book.add(student, submitted, entries)     # as often as you like
        book.flush()                              # all of it, in one transaction

Whatever writes the same rows, nbgrader's formgrader, feedback and export read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType

from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DBAPIError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading.database import connect, shown
from onsite.grading.late import LatePenalty
from onsite.grading.register import register
from onsite.grading.rows import Entry, Record, write

__all__ = ["Entry", "Writer", "database", "nbgrader_config"]

CONFIG = "nbgrader_config.py"


def nbgrader_config(layout: Layout) -> Config:
    """Nbgrader's configuration for this course: its own file at the root, if there is one.

    Raises:
        OnsiteError: it is no Python, or failed.
    """
    config = Config()
    if (layout.root / CONFIG).is_file():
        try:
            config = PyFileConfigLoader(CONFIG, path=str(layout.root)).load_config()
        except Exception as error:  # it is a program
            raise OnsiteError(
                f"{layout.root / CONFIG} cannot be read: {type(error).__name__}: {error}; mend it "
                "and run the same command again."
            ) from error
    config.CourseDirectory.root = str(layout.root)
    return config


def database(config: Config) -> str:
    """The address of the gradebook that this configuration names."""
    return str(CourseDirectory(config=config).db_url)


class Writer:
    """The one writer of a module's grades.

    Entering makes the gradebook if there is none and brings its cells in step with the module;
    leaving writes what is still waiting, unless an exception is on its way. What a person wrote
    (manual scores, extra credit, manual comments, flags) is never touched.

    Args:
        config: nbgrader's configuration, from `nbgrader_config`.
        module: the assignment.
        masters: its notebooks by name, from `restore.master`.

    Raises:
        OnsiteError: on entering: the gradebook cannot be opened or is of a kind that is not
            supported.
    """

    def __init__(self, config: Config, module: str, masters: Mapping[str, NotebookNode]) -> None:
        self._url = database(config)
        # Nbgrader leaves it empty, which PostgreSQL refuses where there is no such course.
        self._course = str(CourseDirectory(config=config).course_id) or "default_course"
        self._module = module
        self._masters = masters
        self._penalty = LatePenalty(config)
        self._waiting: list[Record] = []

    def __enter__(self) -> Writer:
        self._engine = connect(self._url)
        with self._explained("opened"):
            register(self._url, self._course, self._module, self._masters)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self._engine.dispose()

    def __len__(self) -> int:
        """How many submissions wait to be written."""
        return len(self._waiting)

    def add(
        self, student: str, submitted: datetime | None, entries: Mapping[str, Entry | None]
    ) -> None:
        """Take in the grades of one submission; `flush` writes them.

        Args:
            student: who handed in; made if unknown.
            submitted: when, in UTC without a zone, as nbgrader has it.
            entries: what each notebook earned; None for one that was not handed in, which earns
                nothing. A notebook that is not named keeps what it has.
        """
        self._waiting.append(Record(student, submitted, entries))

    def flush(self) -> None:
        """Write all that waits in one transaction; after an error, none of it and it waits still.

        Raises:
            OnsiteError: the gradebook could not be written.
        """
        if not self._waiting:
            return
        # Every writer takes its rows in the same order, so that no two wait for each other.
        batch = sorted(self._waiting, key=lambda record: record.student)
        with self._explained("written"), self._engine.begin() as connection:
            write(connection, self._module, batch, self._penalty)
        self._waiting.clear()

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            why = str(cause).strip().split("\n")[0]
            raise OnsiteError(
                f"The gradebook {shown(self._url)} could not be {done}: {why}; what it holds is "
                "whole, so mend that and run the same command again."
            ) from error
