"""Every row of a gradebook that formgrader and export read, without the ids."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, text

#: What a module is, and what came of its submissions; each row begins with whose it is.
CELLS = {
    "notebook": "SELECT n.name, kernelspec FROM notebook n JOIN assignment a"
    " ON n.assignment_id = a.id WHERE a.name = :module",
    "source": "SELECT n.name, c.name, cell_type, locked, source, checksum FROM source_cell c"
    " JOIN notebook n ON c.notebook_id = n.id JOIN assignment a ON n.assignment_id = a.id"
    " WHERE a.name = :module",
    **{
        table: f"SELECT n.name, b.name, {columns} FROM {table} c JOIN base_cell b ON c.id = b.id"  # noqa: S608
        " JOIN notebook n ON b.notebook_id = n.id JOIN assignment a ON n.assignment_id = a.id"
        " WHERE a.name = :module"
        for table, columns in {
            "grade_cells": "max_score, cell_type",
            "solution_cells": "1",
            "task_cells": "max_score, cell_type",
        }.items()
    },
}
SUBMITTED = (
    " FROM submitted_assignment sa JOIN assignment a ON sa.assignment_id = a.id"
    " JOIN student s ON sa.student_id = s.id"
)
NOTEBOOKS = (
    SUBMITTED
    + " JOIN submitted_notebook sn ON sn.assignment_id = sa.id"
    + " JOIN notebook n ON sn.notebook_id = n.id"
)
OF_CELLS = " ON x.notebook_id = sn.id JOIN base_cell b ON x.cell_id = b.id"
SUBMISSIONS = {
    "student": f"SELECT s.id, first_name, last_name, email, lms_user_id{SUBMITTED}",
    "submission": f"SELECT s.id, CAST(sa.timestamp AS TEXT), CAST(extension AS TEXT){SUBMITTED}",
    "notebook": f"SELECT s.id, n.name, flagged, late_submission_penalty{NOTEBOOKS}",
    "grade": "SELECT s.id, n.name, b.name, b.type, auto_score, manual_score, extra_credit,"
    f" needs_manual_grade{NOTEBOOKS} JOIN grade x{OF_CELLS}",
    "comment": "SELECT s.id, n.name, b.name, b.type, auto_comment, manual_comment"
    f"{NOTEBOOKS} JOIN comment x{OF_CELLS}",
}

Rows = dict[str, list[tuple[Any, ...]]]


def cells(db_url: str, module: str) -> Rows:
    """What the gradebook knows of a module, by table."""
    return _read(db_url, module, CELLS)


def submissions(db_url: str, module: str) -> Rows:
    """What the gradebook knows of the module's submissions, by table, sorted by student."""
    wanted = {table: f"{query} WHERE a.name = :module" for table, query in SUBMISSIONS.items()}
    return _read(db_url, module, wanted)


def _read(db_url: str, module: str, queries: dict[str, str]) -> Rows:
    engine = create_engine(db_url)
    try:
        with engine.connect() as connection:
            return {
                table: sorted(
                    (
                        tuple(map(rounded, row))
                        for row in connection.execute(text(query), {"module": module})
                    ),
                    key=repr,
                )
                for table, query in queries.items()
            }
    finally:
        engine.dispose()


def rounded(value: Any) -> Any:
    """The value, without what the order of a sum does to the last digits of a float."""
    return round(value, 9) if isinstance(value, float) else value
