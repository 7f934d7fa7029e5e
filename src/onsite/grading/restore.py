"""What is graded of a submission: the student's own cells, and the instructor's as they were.

A submission is read with suspicion, and every cell that nbgrader knows is put back from source/:
its text when it is locked, its type, points, id and tags always. A cell that is missing comes back
behind the instructor cell that preceded it; of a cell that is there twice the first one counts.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from nbgrader.utils import is_grade, is_locked, is_solution

from onsite.errors import OnsiteError
from onsite.grading.referee.judge import Role

#: A notebook above this is no homework, in bytes and in cells.
MAX_BYTES, MAX_CELLS = 20 << 20, 2_000

_NEW_CELL: dict[str, Callable[..., NotebookNode]] = {
    "code": new_code_cell,
    "markdown": new_markdown_cell,
    "raw": new_raw_cell,
}
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SubmissionError(OnsiteError):
    """A submitted file is not a notebook that can be graded."""


def master(source: bytes) -> NotebookNode:
    """The notebook of source/ as nbgrader keeps it in its gradebook.

    Its hidden tests are there, its solutions are not, and its checksums are those that tell an
    answered cell from an untouched one. These are the preprocessors of `nbgrader
    generate_assignment` up to the one that saves the cells.
    """
    notebook: NotebookNode = nbformat.reads(source.decode(), as_version=4)
    for preprocessor in (
        LockCells(),
        ClearSolutions(),
        ClearOutput(),
        CheckCellMetadata(),
        ComputeChecksums(),
    ):
        notebook, _ = preprocessor.preprocess(notebook, {})
    return notebook


def read_submission(data: bytes) -> NotebookNode:
    """Read what was handed in, keeping of each cell its type, text, and what nbgrader says of it.

    Raises:
        SubmissionError: it is no notebook, or larger than any homework.
    """
    if len(data) > MAX_BYTES:
        raise SubmissionError(f"the file is larger than {MAX_BYTES >> 20} MB")
    try:
        content = json.loads(data.decode("utf-8-sig"))
        if isinstance(content, dict) and content.get("nbformat") in (1, 2, 3):
            content = nbformat.convert(nbformat.from_dict(content), 4)
        if content["nbformat"] != 4:
            raise ValueError
        cells = [_read_cell(cell) for cell in content["cells"][: MAX_CELLS + 1]]
    except UnicodeDecodeError:
        raise SubmissionError("the file is not UTF-8 text") from None
    except RecursionError:
        raise SubmissionError("the file is nested too deeply") from None
    except Exception:  # whatever an odd file makes the conversion raise
        raise SubmissionError("the file is not a Jupyter notebook") from None
    if len(cells) > MAX_CELLS:
        raise SubmissionError(f"the notebook has more than {MAX_CELLS} cells")
    seen: set[str] = set()
    for number, cell in enumerate(cells):
        if cell.id in seen:
            cell["id"] = f"cell-{number}"
        seen.add(cell.id)
    notebook: NotebookNode = new_notebook(cells=cells)
    return notebook


def _read_cell(cell: dict[str, Any]) -> NotebookNode:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    kept = {
        name: nbformat.from_dict(value)
        for name, value in (cell.get("metadata") or {}).items()
        if name in ("nbgrader", "onsite") and isinstance(value, dict)
    }
    made: NotebookNode = _NEW_CELL[cell["cell_type"]](
        text.encode("utf-8", "replace").decode(), metadata=kept
    )
    if isinstance(cell.get("id"), str) and _CELL_ID.fullmatch(cell["id"]):
        made["id"] = cell["id"]
    return made


def restore(submission: NotebookNode, of: NotebookNode) -> NotebookNode:
    """The notebook that is run and scored: `submission` with the instructor's cells of a `master`.

    Extra cells of the student stay where they are, and the order of the cells is the student's.
    """
    originals = {cell.metadata.nbgrader["grade_id"]: cell for cell in _known_cells(of)}
    places: dict[str, int] = {}
    cells: list[NotebookNode] = []
    for cell in submission.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if isinstance(grade_id, str) and grade_id in originals and grade_id not in places:
            places[grade_id] = len(cells)
            cells.append(_put_back(originals[grade_id], cell))
        else:
            # Unknown to source/, or a copy: an ordinary cell of the student's.
            cell = copy.deepcopy(cell)
            cell.metadata.pop("nbgrader", None)
            cells.append(cell)
    previous = -1
    for grade_id, original in originals.items():
        if grade_id in places:
            previous = places[grade_id]
            continue
        previous += 1
        cells.insert(previous, copy.deepcopy(original))
        places = {name: at + (at >= previous) for name, at in places.items()}
        places[grade_id] = previous
    result: NotebookNode = new_notebook(cells=cells, metadata=copy.deepcopy(of.metadata))
    _make_ids_unique(result.cells)
    return result


def roles(notebook: NotebookNode) -> dict[int, Role]:
    """Which code cells of a restored notebook are the instructor's, by place.

    A locked cell with points is a check, one without is an instructor's. All others, a cell that
    is solved and then graded by hand among them, are the student's.
    """
    return {
        index: "check" if is_grade(cell) else "instructor"
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and is_locked(cell) and not is_solution(cell)
    }


def demos(notebook: NotebookNode) -> frozenset[int]:
    """The cells that only show something, which grading runs when a submission needs them."""
    return frozenset(
        index for index, cell in enumerate(notebook.cells) if _role(cell) == ("demo", True)
    )


def magics(notebook: NotebookNode) -> frozenset[int]:
    """The learner's own `%check` calls, which grading never runs."""
    return frozenset(
        index for index, cell in enumerate(notebook.cells) if _role(cell) == ("magic", True)
    )


def _role(cell: NotebookNode) -> tuple[str, bool]:
    """A cell's role, and whether a run can do without it: nothing graded, and not `load_ext`."""
    onsite = cell.metadata.get("onsite", {})
    spare = "nbgrader" not in cell.metadata and onsite.get("name") != "load"
    return onsite.get("role", ""), spare


def _known_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if any(meta.get(kind) for kind in ("grade", "solution", "locked", "task")):
            yield cell


def _put_back(original: NotebookNode, submitted: NotebookNode) -> NotebookNode:
    cell = copy.deepcopy(original)
    if not is_locked(original) and not original.metadata.nbgrader.get("task"):
        cell["source"] = submitted.source
    cell["id"] = submitted.id
    return cell


def _make_ids_unique(cells: list[NotebookNode]) -> None:
    seen: set[str] = set()
    for number, cell in enumerate(cells):
        if cell.id in seen:
            cell["id"] = f"restored-{number}"
        seen.add(cell.id)
