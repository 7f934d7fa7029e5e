"""What the gradebook holds of submissions, read for many students at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import Connection, Engine, NullPool, Select, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from onsite.errors import OnsiteError

#: Whose notebook: a student, a topic.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """What one graded cell earned.

    `automatic` is None where only a person can say; `manual` is what a person said, and counts
    instead of it; `extra` counts on top. `waits` is true while a person has to look at it.
    """

    automatic: float | None = None
    manual: float | None = None
    extra: float = 0.0
    waits: bool = False

    @property
    def points(self) -> float:
        """What counts, as nbgrader adds it up."""
        return (self.automatic or 0.0 if self.manual is None else self.manual) + self.extra


@dataclass(frozen=True, slots=True)
class Note:
    """What is said of one cell: by the grader ("No response."), and by a person."""

    automatic: str = ""
    manual: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the gradebook holds of one submitted notebook; marks and notes are by grade_id.

    `submitted` is when it was handed in (UTC, without a zone), `penalty` the points lost for that.
    """

    marks: Mapping[str, Mark]
    notes: Mapping[str, Note]
    submitted: datetime | None = None
    penalty: float = 0.0


def read_marks(db_url: str, module: str, students: Iterable[str]) -> dict[Key, Marks]:
    """Read what some students' submissions of a module earned, by student and topic.

    It takes three statements, however many students there are (up to some thousand: their names
    are parameters of a statement).

    Raises:
        OnsiteError: the gradebook cannot be read.
    """
    mine = SubmittedAssignment.student_id.in_(list(students))
    with _reading(db_url, module) as connection:
        notebooks = connection.execute(_of_module(module, _NOTEBOOK).where(mine)).all()
        grades = connection.execute(_of_module(module, _GRADE, Grade).where(mine)).all()
        comments = connection.execute(_of_module(module, _COMMENT, Comment).where(mine)).all()
    marks: defaultdict[Key, dict[str, Mark]] = defaultdict(dict)
    for student, topic, cell, automatic, manual, extra, waits in grades:
        marks[student, topic][cell] = Mark(automatic, manual, extra or 0.0, waits)
    notes: defaultdict[Key, dict[str, Note]] = defaultdict(dict)
    for student, topic, cell, automatic, manual in comments:
        notes[student, topic][cell] = Note(automatic or "", manual or "")
    return {
        (student, topic): Marks(
            marks[student, topic], notes[student, topic], submitted, penalty or 0.0
        )
        for student, topic, submitted, penalty in notebooks
    }


@contextmanager
def _reading(db_url: str, module: str) -> Iterator[Connection]:
    engine = _engine(db_url)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise OnsiteError(
            f"The gradebook {engine.url!r} cannot be read: {reason}; "
            f"run ./onsite grade {module} to make it."
        ) from None


@cache
def _engine(db_url: str) -> Engine:
    """One for each gradebook, since it remembers compiled statements; it keeps no connection."""
    return create_engine(db_url, poolclass=NullPool)


def read_totals(db_url: str, module: str) -> dict[str, float]:
    """What a module's checks gave each student who has rows there, before what a person gave.

    Raises:
        OnsiteError: the gradebook cannot be read.
    """
    statement = (
        select(SubmittedAssignment.student_id, func.sum(Grade.auto_score))
        .join_from(
            SubmittedAssignment, Assignment, SubmittedAssignment.assignment_id == Assignment.id
        )
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .where(Assignment.name == module)
        .group_by(SubmittedAssignment.student_id)
    )
    with _reading(db_url, module) as connection:
        return {student: total or 0.0 for student, total in connection.execute(statement)}


_NOTEBOOK = (SubmittedAssignment.timestamp, SubmittedNotebook.late_submission_penalty)
_GRADE = (
    BaseCell.name,
    Grade.auto_score,
    Grade.manual_score,
    Grade.extra_credit,
    Grade.needs_manual_grade,
)
_COMMENT = (BaseCell.name, Comment.auto_comment, Comment.manual_comment)


def _of_module(
    module: str, columns: tuple[Any, ...], rows: type[Grade] | type[Comment] | None = None
) -> Select[Any]:
    """Those columns for every submitted notebook of a module, or for each of its `rows`."""
    statement = (
        select(SubmittedAssignment.student_id, Notebook.name, *columns)
        .join_from(SubmittedNotebook, SubmittedAssignment)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .where(Assignment.name == module)
    )
    if rows is None:
        return statement
    return statement.join(rows, rows.notebook_id == SubmittedNotebook.id).join(
        BaseCell, BaseCell.id == rows.cell_id
    )
