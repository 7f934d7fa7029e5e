"""`nbgrader export` with one column more: what was handed in and could not be graded.

nbgrader's own file has the same 0 for such work as for work that earned nothing.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from nbgrader.api import (
    Assignment,
    Grade,
    Gradebook,
    GradeCell,
    Notebook,
    SolutionCell,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.plugins.export import CsvExportPlugin
from sqlalchemy import select, tuple_

#: The file that nbgrader writes when it is told of no other.
USUAL = "grades.csv"


class MarkedExport(CsvExportPlugin):
    """nbgrader's CSV, in which `not_graded` names the notebooks that still have no score."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the file."""
        super().export(gradebook)
        missing = not_graded(gradebook)
        path = Path(self.to or USUAL)
        head, *lines = path.read_text().splitlines()
        marked = [f"{head},not_graded"]
        for line in lines:
            # assignment, due date, timestamp, student; nbgrader puts nothing in quotes
            module, _, _, student = line.split(",", 4)[:4]
            marked.append(f"{line},{' '.join(sorted(missing.get((module, student), ())))}")
        path.write_text("\n".join(marked) + "\n")


def not_graded(gradebook: Gradebook) -> dict[tuple[str, str], set[str]]:
    """The notebooks of which some check has no score, by module and student.

    A check is what no person has to grade: a graded cell that is not the student's to write.
    """
    written = select(SolutionCell.notebook_id, SolutionCell.name)
    statement = (
        select(Assignment.name, SubmittedAssignment.student_id, Notebook.name)
        .join_from(Grade, GradeCell, Grade.cell_id == GradeCell.id)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(Notebook, SubmittedNotebook.notebook_id == Notebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .where(Grade.auto_score.is_(None), Grade.manual_score.is_(None))
        .where(tuple_(GradeCell.notebook_id, GradeCell.name).not_in(written))
    )
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module, student, topic in gradebook.db.execute(statement):
        found[module, student].add(topic)
    return found
