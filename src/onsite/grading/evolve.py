"""Keep a gradebook in step with a course that changes under submissions already graded.

Nbgrader refuses to add or remove cells once somebody's submission has been graded, and does not
give a submission the notebooks that came later. A course that grows topic by topic meets both, so
the rows are brought in step here, before nbgrader's own SaveCells writes what is in them. Whoever
is killed in between does the rest the next time, because the cells' text comes last.

What nobody loses: every score and comment of a cell that is still there. What goes: the rows of
cells that the course no longer has, because no notebook shows them any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from nbformat import NotebookNode
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.utils import is_grade, is_locked, is_solution, is_task


def evolve(book: Gradebook, module: str, changed: Mapping[str, NotebookNode]) -> None:
    """Bring the rows of a module in step with the notebooks that changed, by name.

    Does nothing for a module that nobody handed in: SaveCells does those.
    """
    if not book.find_assignment(module).submissions:
        return
    for name, notebook in changed.items():
        _adapt_cells(book, module, name, notebook)
    _complete_submissions(book, module)


def _adapt_cells(book: Gradebook, module: str, name: str, notebook: NotebookNode) -> None:
    """Give a notebook's rows the cells that its source has now."""
    try:
        known = book.find_notebook(name, module)
    except MissingEntry:
        kernel = json.dumps(notebook.metadata.get("kernelspec", {}))
        known = book.add_notebook(name, module, kernelspec=kernel)
    cells = {
        cell.metadata.nbgrader["grade_id"]: cell
        for cell in notebook.cells
        if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell)
    }
    wanted = {
        "grade": {key for key, cell in cells.items() if is_grade(cell)},
        "solution": {key for key, cell in cells.items() if is_solution(cell)},
        "task": {key for key, cell in cells.items() if is_task(cell)},
        "source": set(cells),
    }
    there = {
        "grade": {row.name: row for row in known.grade_cells},
        "solution": {row.name: row for row in known.solution_cells},
        "task": {row.name: row for row in known.task_cells},
        "source": {row.name: row for row in known.source_cells},
    }
    for kind, rows in there.items():
        for gone in rows.keys() - wanted[kind]:
            for dependent in (
                *(getattr(rows[gone], "grades", None) or ()),
                *(getattr(rows[gone], "comments", None) or ()),
            ):
                book.db.delete(dependent)
            book.db.delete(rows[gone])
    book.db.commit()
    new = {kind: wanted[kind] - there[kind].keys() for kind in wanted}
    for kind, add in (("grade", book.add_grade_cell), ("task", book.add_task_cell)):
        for key in new[kind]:
            points = float(cells[key].metadata.nbgrader["points"])
            add(key, name, module, max_score=points, cell_type=cells[key].cell_type)
    for key in new["solution"]:
        book.add_solution_cell(key, name, module)
    for key in new["source"]:
        book.add_source_cell(key, name, module, cell_type=cells[key].cell_type)


def _complete_submissions(book: Gradebook, module: str) -> None:
    """Give every submission of a module a row for each notebook, graded cell and answer."""
    assignment = book.find_assignment(module)
    for submission in assignment.submissions:
        handed_in = {each.notebook_id: each for each in submission.notebooks}
        for notebook in assignment.notebooks:
            mine = handed_in.get(notebook.id) or SubmittedNotebook(
                notebook=notebook, assignment=submission
            )
            book.db.add(mine)
            graded = {grade.cell_id for grade in mine.grades}
            commented = {comment.cell_id for comment in mine.comments}
            for cell in (*notebook.grade_cells, *notebook.task_cells):
                if cell.id not in graded:
                    book.db.add(Grade(cell_id=cell.id, notebook=mine))
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                if cell.id not in commented:
                    book.db.add(Comment(cell_id=cell.id, notebook=mine))
    book.db.commit()
