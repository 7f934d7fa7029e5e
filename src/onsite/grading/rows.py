"""The rows of submissions in nbgrader's tables, a whole batch with a dozen statements.

They are those that nbgrader's `Gradebook.add_submission`, SaveAutoGrades and AssignLatePenalties
leave. Every statement is an INSERT ... ON CONFLICT, so it does not matter what is there already,
or who else writes: a manual score that is given in the meantime stays, and counts.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import Connection, bindparam, func, or_, select, update

from onsite.errors import OnsiteError
from onsite.grading.database import INSERT
from onsite.grading.late import LatePenalty
from onsite.grading.score import Score

#: The untouched answer's comment, which is nbgrader's.
NO_RESPONSE = "No response."
#: Which rows a submission has for each kind of cell.
GRADED, COMMENTED = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gradebook is to hold of one notebook of a submission.

    `unanswered` says of each cell that the student was to write whether it is untouched.
    """

    scores: tuple[Score, ...]
    unanswered: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Record:
    """What the gradebook is to hold of one submission; see `gradebook.Writer.add`."""

    student: str
    submitted: datetime | None
    entries: Mapping[str, Entry | None]


@dataclass(slots=True)
class KnownNotebook:
    """A notebook's id, and the ids of its cells by name."""

    id: str
    graded: dict[str, str] = field(default_factory=dict)
    commented: dict[str, str] = field(default_factory=dict)


def write(
    connection: Connection, module: str, batch: Sequence[Record], penalty: LatePenalty
) -> None:
    """Write what the batch says, within the connection's transaction.

    Raises:
        OnsiteError: the gradebook's cells are not those that were graded.
    """
    assignment, due = connection.execute(
        select(Assignment.id, Assignment.duedate).where(Assignment.name == module)
    ).one()
    notebooks = _notebooks(connection, assignment)
    late = _submissions(connection, assignment, due, batch)
    mine = _submitted_notebooks(connection, assignment, notebooks, batch)
    _grades(connection, notebooks, mine, batch)
    _comments(connection, notebooks, mine, batch)
    _penalties(connection, notebooks, late, mine, batch, penalty)


def _notebooks(connection: Connection, assignment: str) -> dict[str, KnownNotebook]:
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


def _submissions(
    connection: Connection, assignment: str, due: datetime | None, batch: Sequence[Record]
) -> dict[str, float]:
    """Make the students and their submissions; by how many seconds who is late."""
    insert = INSERT[connection.dialect.name]
    connection.execute(
        insert(Student.__table__).on_conflict_do_nothing(),
        [{"id": record.student} for record in batch],
    )
    new = insert(SubmittedAssignment.__table__)
    when = func.coalesce(new.excluded.timestamp, SubmittedAssignment.__table__.c.timestamp)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["assignment_id", "student_id"], set_={"timestamp": when}
        ),
        [
            {
                "id": _new_id(),
                "assignment_id": assignment,
                "student_id": record.student,
                "timestamp": record.submitted,
            }
            for record in batch
        ],
    )
    if due is None:
        return {}
    submitted = SubmittedAssignment
    times = connection.execute(
        select(submitted.student_id, submitted.timestamp, submitted.extension).where(
            submitted.assignment_id == assignment,
            submitted.student_id.in_([record.student for record in batch]),
            submitted.timestamp.is_not(None),
        )
    )
    over = {name: at - due - (extension or timedelta()) for name, at, extension in times}
    return {name: by.total_seconds() for name, by in over.items() if by > timedelta()}


def _submitted_notebooks(
    connection: Connection,
    assignment: str,
    notebooks: Mapping[str, KnownNotebook],
    batch: Sequence[Record],
) -> dict[tuple[str, str], str]:
    """Make each student's copy of each notebook; their ids by student and notebook's name."""
    insert = INSERT[connection.dialect.name]
    students = [record.student for record in batch]
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
            {"id": _new_id(), "notebook_id": known.id, "assignment_id": submission}
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


def _grades(
    connection: Connection,
    notebooks: Mapping[str, KnownNotebook],
    mine: Mapping[tuple[str, str], str],
    batch: Sequence[Record],
) -> None:
    """Write automatic scores; what has a manual one needs to be looked at again."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for record, name, known in _each(notebooks, batch):
        notebook = mine[record.student, name]
        entry = record.entries.get(name)
        earned = {score.cell: score.points for score in entry.scores} if entry else {}
        _check_known(name, earned, known.graded)
        for cell, its in known.graded.items():
            row: Row = {"id": _new_id(), "cell_id": its, "notebook_id": notebook}
            if cell in earned:
                points = earned[cell]
                row |= {"auto_score": points, "needs_manual_grade": points is None}
                rows["graded"].append(row)
            elif name in record.entries and entry is None:
                rows["absent"].append(row | {"auto_score": 0, "needs_manual_grade": False})
            else:
                rows["kept"].append(row | {"auto_score": None, "needs_manual_grade": True})
    new = INSERT[connection.dialect.name](Grade.__table__)
    there = Grade.__table__.c
    key = ["cell_id", "notebook_id"]
    looked_at = or_(there.manual_score.is_not(None), new.excluded.needs_manual_grade)
    statements = {
        "graded": new.on_conflict_do_update(
            index_elements=key,
            set_={"auto_score": new.excluded.auto_score, "needs_manual_grade": looked_at},
        ),
        "absent": new.on_conflict_do_update(
            index_elements=key, set_={"auto_score": 0, "needs_manual_grade": False}
        ),
        "kept": new.on_conflict_do_nothing(index_elements=key),
    }
    for kind, found in rows.items():
        connection.execute(statements[kind], found)


def _comments(
    connection: Connection,
    notebooks: Mapping[str, KnownNotebook],
    mine: Mapping[tuple[str, str], str],
    batch: Sequence[Record],
) -> None:
    """Write automatic comments; a manual one is not touched."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for record, name, known in _each(notebooks, batch):
        notebook = mine[record.student, name]
        entry = record.entries.get(name)
        unanswered = entry.unanswered if entry else {}
        _check_known(name, unanswered, known.commented)
        for cell, its in known.commented.items():
            comment = NO_RESPONSE if unanswered.get(cell) else None
            row: Row = {"id": _new_id(), "cell_id": its, "notebook_id": notebook}
            row["auto_comment"] = comment
            rows["written" if cell in unanswered else "kept"].append(row)
    new = INSERT[connection.dialect.name](Comment.__table__)
    key = ["cell_id", "notebook_id"]
    statements = {
        "written": new.on_conflict_do_update(
            index_elements=key, set_={"auto_comment": new.excluded.auto_comment}
        ),
        "kept": new.on_conflict_do_nothing(index_elements=key),
    }
    for kind, found in rows.items():
        connection.execute(statements[kind], found)


def _penalties(
    connection: Connection,
    notebooks: Mapping[str, KnownNotebook],
    late: Mapping[str, float],
    mine: Mapping[tuple[str, str], str],
    batch: Sequence[Record],
    penalty: LatePenalty,
) -> None:
    """Give every notebook that was graded the penalty that it has now, which may be none."""
    graded = {
        mine[record.student, name]: record.student
        for record in batch
        for name, entry in record.entries.items()
        if entry is not None
    }
    if not graded:
        return
    cells = [cell for known in notebooks.values() for cell in known.graded.values()]
    scores = connection.execute(
        select(Grade.notebook_id, func.sum(Grade.score))
        .where(
            Grade.notebook_id.in_([key for key, student in graded.items() if student in late]),
            Grade.cell_id.in_(cells),  # says no more, but nbgrader's index begins with it
        )
        .group_by(Grade.notebook_id)
    )
    due = {key: penalty(graded[key], score, late[graded[key]]) for key, score in scores}
    table = SubmittedNotebook.__table__
    connection.execute(
        update(table)
        .where(table.c.id == bindparam("notebook"))
        .values(late_submission_penalty=bindparam("penalty")),
        [{"notebook": key, "penalty": due.get(key)} for key in graded],
    )


def _new_id() -> str:
    """An id in nbgrader's form, that of a UUID, which begins with the time as UUID 7 does.

    Rows that are written together then lie together in every index, so that writing costs the
    same in a large gradebook as in a small one.
    """
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


def _each(
    notebooks: Mapping[str, KnownNotebook], batch: Sequence[Record]
) -> Iterator[tuple[Record, str, KnownNotebook]]:
    for record in batch:
        _check_known("the module", record.entries, notebooks)
        for name, known in notebooks.items():
            yield record, name, known


def _check_known(where: str, graded: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in graded:
        if name not in known:
            raise OnsiteError(
                f"{name} of {where} is no longer in the gradebook: somebody changed the course "
                "during the grading; nothing of this batch was recorded, so run it again."
            )
