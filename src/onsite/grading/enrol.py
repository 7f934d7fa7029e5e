"""The rows that a submission has before anything is graded: student, submission, notebooks.

They are those of nbgrader's `Gradebook.add_submission`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nbgrader.api import (
    BaseCell,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import Connection, func, select

from onsite.grading.database import INSERT

#: Which rows a submission has for each kind of cell.
GRADED, COMMENTED = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A student and when they handed in, if that is known."""

    student: str
    submitted: datetime | None


@dataclass(frozen=True, slots=True)
class KnownNotebook:
    """A notebook's id, and the ids of its cells by name."""

    id: str
    graded: dict[str, str] = field(default_factory=dict)
    commented: dict[str, str] = field(default_factory=dict)


def known_notebooks(connection: Connection, assignment: str) -> dict[str, KnownNotebook]:
    """The module's notebooks by name, read anew each time: the course may grow meanwhile."""
    known = {
        name: KnownNotebook(its)
        for its, name in connection.execute(
            select(Notebook.id, Notebook.name).where(Notebook.assignment_id == assignment)
        )
    }
    cells = connection.execute(
        select(Notebook.name, BaseCell.name, BaseCell.type, BaseCell.id)
        .join(BaseCell, BaseCell.notebook_id == Notebook.id)
        .where(Notebook.assignment_id == assignment)
    )
    for notebook, name, kind, its in cells:
        if kind in GRADED:
            known[notebook].graded[name] = its
        if kind in COMMENTED:
            known[notebook].commented[name] = its
    return known


def enrol(
    connection: Connection, assignment: str, due: datetime | None, handed_in: Sequence[HandedIn]
) -> dict[str, float]:
    """Make the students and their submissions; by how many seconds who is late."""
    insert = INSERT[connection.dialect.name]
    connection.execute(
        insert(Student.__table__).on_conflict_do_nothing(),
        [{"id": each.student} for each in handed_in],
    )
    new = insert(SubmittedAssignment.__table__)
    when = func.coalesce(new.excluded.timestamp, SubmittedAssignment.__table__.c.timestamp)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["assignment_id", "student_id"], set_={"timestamp": when}
        ),
        [
            {
                "id": new_id(),
                "assignment_id": assignment,
                "student_id": each.student,
                "timestamp": each.submitted,
            }
            for each in handed_in
        ],
    )
    if due is None:
        return {}
    submitted = SubmittedAssignment
    times = connection.execute(
        select(submitted.student_id, submitted.timestamp, submitted.extension).where(
            submitted.assignment_id == assignment,
            submitted.student_id.in_([each.student for each in handed_in]),
            submitted.timestamp.is_not(None),
        )
    )
    over = {name: at - due - (extension or timedelta()) for name, at, extension in times}
    return {name: by.total_seconds() for name, by in over.items() if by > timedelta()}


def hand_in_notebooks(
    connection: Connection,
    assignment: str,
    notebooks: Mapping[str, KnownNotebook],
    handed_in: Sequence[HandedIn],
) -> dict[tuple[str, str], str]:
    """Make each student's copy of each notebook; their ids by student and notebook's name."""
    insert = INSERT[connection.dialect.name]
    students = [each.student for each in handed_in]
    submissions = connection.execute(
        select(SubmittedAssignment.id).where(
            SubmittedAssignment.assignment_id == assignment,
            SubmittedAssignment.student_id.in_(students),
        )
    ).scalars()
    connection.execute(
        insert(SubmittedNotebook.__table__).on_conflict_do_nothing(
            index_elements=["notebook_id", "assignment_id"]
        ),
        [
            {"id": new_id(), "notebook_id": known.id, "assignment_id": submission}
            for submission in submissions
            for known in notebooks.values()
        ],
    )
    rows = connection.execute(
        select(SubmittedAssignment.student_id, Notebook.name, SubmittedNotebook.id)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .where(
            SubmittedAssignment.assignment_id == assignment,
            SubmittedAssignment.student_id.in_(students),
        )
    )
    return {(student, name): its for student, name, its in rows}


def new_id() -> str:
    """An id in nbgrader's form, that of a UUID, which begins with the time as UUID 7 does.

    Rows that are written together then lie together in every index, so that writing costs the
    same in a large gradebook as in a small one.
    """
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"
