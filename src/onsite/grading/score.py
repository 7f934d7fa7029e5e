"""From an executed notebook to points, by nbgrader's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task

from onsite.grading.restore import Cell, Notebook
from onsite.grading.result import RunResult


@dataclass(frozen=True, slots=True)
class Score:
    """What one graded cell earned; `points` is None where a person has to decide."""

    cell: str
    points: float | None
    max_points: float


def executed_cells(notebook: Notebook, result: RunResult) -> Iterator[Cell]:
    """The cells of a notebook with what they showed in a run of it."""
    shown = {cell.index: cell.outputs for cell in result.cells}
    for index, cell in enumerate(notebook.cells):
        yield {**cell, "outputs": shown[index]} if index in shown else cell


def scores(executed: Iterable[Cell]) -> tuple[Score, ...]:
    """The points of every graded cell.

    A check that claims more than its maximum as partial credit, or has a result without a text,
    which stops nbgrader, earns none.
    """
    return tuple(_score(cell) for cell in map(_as_nbgrader_reads, executed) if is_grade(cell))


def unanswered(executed: Iterable[Cell]) -> dict[str, bool]:
    """For each cell that the student was to write: is it as it was handed out?"""
    return {
        cell.metadata.nbgrader["grade_id"]: (
            not is_task(cell) and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
        )
        for cell in map(_as_nbgrader_reads, executed)
        if is_solution(cell) or is_task(cell)
    }


def _score(cell: NotebookNode) -> Score:
    try:
        points, maximum = determine_grade(cell)
    except (ValueError, KeyError):
        points, maximum = 0.0, float(cell.metadata.nbgrader["points"])
    return Score(cell.metadata.nbgrader["grade_id"], points, maximum)


def _as_nbgrader_reads(cell: Cell) -> NotebookNode:
    """The part of a cell that nbgrader's rules look at, with attributes as they expect."""
    metadata = cell["metadata"]
    if "nbgrader" not in metadata:
        return NotebookNode(metadata=NotebookNode())
    return NotebookNode(
        cell_type=cell["cell_type"],
        source=cell["source"],
        metadata=NotebookNode(nbgrader=NotebookNode(metadata["nbgrader"])),
        outputs=[_as_rules_read(output) for output in cell.get("outputs", ())],
    )


def _as_rules_read(output: dict[str, Any]) -> NotebookNode:
    read = NotebookNode(output_type=output["output_type"])
    if "name" in output:
        read["name"] = output["name"]
    if "text/plain" in output.get("data", ()):
        read["data"] = NotebookNode({"text/plain": output["data"]["text/plain"]})
    return read
