"""From an executed notebook to points, by nbgrader's own rules."""

from __future__ import annotations

from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task


@dataclass(frozen=True, slots=True)
class Score:
    """What one graded cell earned; `points` is None where a person has to decide."""

    cell: str
    points: float | None
    max_points: float


def scores(executed: NotebookNode) -> tuple[Score, ...]:
    """The points of every graded cell of a restored and executed notebook.

    A check that claims more than its maximum as partial credit, which stops nbgrader, earns none.
    """
    return tuple(_score(cell) for cell in executed.cells if is_grade(cell))


def _score(cell: NotebookNode) -> Score:
    try:
        points, maximum = determine_grade(cell)
    except ValueError:
        points, maximum = 0.0, float(cell.metadata.nbgrader["points"])
    return Score(cell.metadata.nbgrader["grade_id"], points, maximum)


def unanswered(executed: NotebookNode) -> dict[str, bool]:
    """For each cell that the student was to write: is it as it was handed out?"""
    return {
        cell.metadata.nbgrader["grade_id"]: (
            not is_task(cell) and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
        )
        for cell in executed.cells
        if is_solution(cell) or is_task(cell)
    }
