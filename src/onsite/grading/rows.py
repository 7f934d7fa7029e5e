"""The rows of submissions in nbgrader's tables, a whole batch with a dozen statements.

They are those that nbgrader's SaveAutoGrades and AssignLatePenalties leave. Every statement is an
INSERT ... ON CONFLICT, so it does not matter what is there already, or who else writes: a manual
score that is given in the meantime stays, and counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nbgrader.api import Assignment, Comment, Grade, SubmittedNotebook
from sqlalchemy import Connection, bindparam, func, or_, select, update

from onsite.errors import OnsiteError
from onsite.grading.database import INSERT
from onsite.grading.enrol import (
    HandedIn,
    KnownNotebook,
    enrol,
    hand_in_notebooks,
    known_notebooks,
    new_id,
)
from onsite.grading.late import LatePenalty
from onsite.grading.score import Score

#: The untouched answer's comment, which is nbgrader's.
NO_RESPONSE = "No response."

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


def write(
    connection: Connection, module: str, batch: Sequence[Record], penalty: LatePenalty
) -> None:
    """Write what the batch says, within the connection's transaction.

    Raises:
        OnsiteError: the gradebook's cells are not those that were graded.
    """
    handed_in = [HandedIn(record.student, record.submitted) for record in batch]
    assignment, due = connection.execute(
        select(Assignment.id, Assignment.duedate).where(Assignment.name == module)
    ).one()
    notebooks = known_notebooks(connection, assignment)
    late = enrol(connection, assignment, due, handed_in)
    mine = hand_in_notebooks(connection, assignment, notebooks, handed_in)
    _grades(connection, notebooks, mine, batch)
    _comments(connection, notebooks, mine, batch)
    _penalties(connection, notebooks, late, mine, batch, penalty)


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
            row: Row = {"id": new_id(), "cell_id": its, "notebook_id": notebook}
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
            row: Row = {"id": new_id(), "cell_id": its, "notebook_id": notebook}
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
