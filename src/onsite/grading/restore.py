"""What is graded of a submission: the student's own cells, and the instructor's as they were.

A submission is read with suspicion, and every cell that nbgrader knows is put back from source/:
its text when it is locked, its type, points, id and tags always. A cell that is missing comes back
behind the instructor cell that preceded it; of a cell that is there twice the first one counts.
So is the rubric that a person reads behind an answer.

Cells are plain dicts here, as JSON has them: nbformat's own classes check and copy so much that
they would be most of the time that a submission takes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from onsite.errors import OnsiteError
from onsite.grading.referee.judge import Role

#: A notebook above this is no homework, in bytes and in cells.
MAX_BYTES, MAX_CELLS = 20 << 20, 2_000

#: One cell of a notebook of nbformat 4.5. What is made here is never changed in place.
Cell = dict[str, Any]

#: What a missing cell of the student's says when it came back.
MISSED = "This cell was missing from what was handed in, and was put back."

# Not \s, which would go through all empty lines below from each of them.
_MAGIC = re.compile(r"^[^\S\n]*[%!]|get_ipython", re.MULTILINE)
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook to be run: valid nbformat 4.5, whatever was handed in."""

    cells: list[Cell]
    metadata: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The notebook as UTF-8 JSON."""
        content = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": self.metadata,
            "cells": self.cells,
        }
        return json.dumps(content).encode()


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


def read_submission(data: bytes) -> list[Cell]:
    """Read what was handed in, keeping of each cell its type, text, and what nbgrader says of it.

    Raises:
        SubmissionError: it is no notebook, or larger than any homework.
    """
    if len(data) > MAX_BYTES:
        raise SubmissionError(f"the file is larger than {MAX_BYTES >> 20} MB")
    try:
        content = json.loads(data.decode("utf-8-sig"))
        cells = _cells(content)
        if len(cells) > MAX_CELLS:
            raise SubmissionError(f"the notebook has more than {MAX_CELLS} cells")
        return [_read_cell(number, cell) for number, cell in enumerate(cells)]
    except SubmissionError:
        raise
    except UnicodeDecodeError:
        raise SubmissionError("the file is not UTF-8 text") from None
    except RecursionError:
        raise SubmissionError("the file is nested too deeply") from None
    except Exception:  # whatever an odd file makes reading raise
        raise SubmissionError("the file is not a Jupyter notebook") from None


def _cells(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a notebook, as format 4 has them.

    nbformat's own conversion of older formats checks every output, of which nothing is kept here,
    and takes gigabytes for odd ones.
    """
    match content["nbformat"]:
        case 4 if isinstance(content["cells"], list):
            return content["cells"]
        case 1:
            return [_renewed(cell) for cell in content["cells"][: MAX_CELLS + 1]]
        case 2 | 3:
            found = (cell for sheet in content["worksheets"] for cell in sheet["cells"])
            return [_renewed(cell) for cell in islice(found, MAX_CELLS + 1)]
    raise ValueError


def _renewed(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell of format 1, 2 or 3 as one of format 4, without its outputs."""
    kind = cell["cell_type"]
    source = cell.get({"code": "input", "text": "text"}.get(kind, "source"), cell.get("code", ""))
    if kind == "heading":
        level = min(max(1, cell.get("level", 1)), 6)
        source = f"{'#' * level} {' '.join(_joined(source).splitlines())}"
    kind = "markdown" if kind in ("text", "html", "heading") else kind
    return {"cell_type": kind, "source": source, "metadata": cell.get("metadata")}


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _read_cell(number: int, cell: dict[str, Any]) -> Cell:
    source, cell_id = cell["source"], cell.get("id")
    text = _joined(source)
    made: Cell = {
        "cell_type": cell["cell_type"],
        "id": cell_id if _is_id(cell_id) else f"cell-{number}",
        "metadata": _read_metadata(cell.get("metadata") or {}),
        "source": text if text.isascii() else text.encode("utf-8", "replace").decode(),
    }
    if made["cell_type"] == "code":
        made |= {"execution_count": None, "outputs": []}
    elif made["cell_type"] not in ("markdown", "raw"):
        raise ValueError
    return made


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _CELL_ID.fullmatch(value) is not None


def _read_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """What the cell says about itself to nbgrader and to us, without anything nested."""
    return {
        name: {key: value for key, value in said.items() if _is_plain(value)}
        for name in ("nbgrader", "onsite")
        if isinstance(said := metadata.get(name), dict)
    }


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def restore(submission: list[Cell], of: Mapping[str, Any]) -> Notebook:
    """The notebook that is run and scored: `submission` with the instructor's cells of a `master`.

    Extra cells of the student stay where they are, and the order of the cells is the student's.
    """
    originals = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in _known_cells(of)}
    places: dict[str, int] = {}
    cells: list[Cell] = []
    for cell in submission:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if isinstance(grade_id, str) and grade_id in originals and grade_id not in places:
            places[grade_id] = len(cells)
            cells.append(_put_back(originals[grade_id], cell))
        else:
            # Unknown to source/, or a copy: an ordinary cell of the student's.
            own = {name: said for name, said in cell["metadata"].items() if name != "nbgrader"}
            cells.append({**cell, "metadata": own})
    previous = -1
    for grade_id, original in originals.items():
        if grade_id in places:
            previous = places[grade_id]
            continue
        previous += 1
        cells.insert(previous, _came_back(original))
        places = {name: at + (at >= previous) for name, at in places.items()}
        places[grade_id] = previous
    return Notebook(with_unique_ids(list(_with_rubrics(cells, of))), of["metadata"])


def _came_back(original: Cell) -> Cell:
    """A cell that was missing. One that was the student's to write says so.

    It is then not what was handed out, and not counted as unanswered: nobody but a person can tell
    whether its answer is somewhere else in the notebook.
    """
    if is_locked(original) or original["metadata"]["nbgrader"].get("task"):
        return dict(original)
    note = "# {}" if original["cell_type"] == "code" else "*{}*"
    return {**original, "source": f"{original['source']}\n\n{note.format(MISSED)}"}


def roles(notebook: Notebook) -> dict[int, Role]:
    """Which code cells of a restored notebook are the instructor's, by place.

    A locked cell with points is a check, one without is an instructor's. All others, a cell that
    is solved and then graded by hand among them, are the student's.
    """
    return {
        index: "check" if cell["metadata"]["nbgrader"].get("grade") else "instructor"
        for index, cell in enumerate(notebook.cells)
        if cell["cell_type"] == "code" and is_locked(cell)
    }


def demos(notebook: Notebook) -> frozenset[int]:
    """The cells that only show something, which grading runs when a submission needs them."""
    return _spare(notebook, "demo")


def magics(notebook: Notebook) -> frozenset[int]:
    """The learner's own `%check` calls, which grading never runs."""
    return _spare(notebook, "magic") - _loader(notebook)


def left_out(notebook: Notebook) -> frozenset[int]:
    """What grading can do without at first.

    That is all demos and `%check` calls, and `%load_ext onsite`, which takes longer than many an
    exercise, unless somebody has written a magic.
    """
    spare = demos(notebook) | magics(notebook)
    loader = _loader(notebook)
    rest = (cell for index, cell in enumerate(notebook.cells) if index not in spare | loader)
    has_magics = any(_MAGIC.search(cell["source"]) for cell in rest if cell["cell_type"] == "code")
    return spare if has_magics else spare | loader


def _spare(notebook: Notebook, role: str) -> frozenset[int]:
    """The cells of a role with nothing graded in them."""
    return frozenset(
        index
        for index, cell in enumerate(notebook.cells)
        if cell["metadata"].get("onsite", {}).get("role") == role
        and "nbgrader" not in cell["metadata"]
    )


def _loader(notebook: Notebook) -> frozenset[int]:
    return frozenset(
        index
        for index in _spare(notebook, "magic")
        if notebook.cells[index]["metadata"]["onsite"].get("name") == "load"
    )


def _with_rubrics(cells: Iterable[Cell], of: Mapping[str, Any]) -> Iterator[Cell]:
    """A person grades an answer by the rubric behind it, so that is the instructor's too."""
    rubrics = {
        cell["metadata"]["onsite"]["name"]: cell
        for cell in of["cells"]
        if cell["metadata"].get("onsite", {}).get("role") == "rubric"
    }
    for cell in cells:
        if cell["metadata"].get("onsite", {}).get("role") != "rubric":
            yield cell
        if rubric := rubrics.get(cell["metadata"].get("nbgrader", {}).get("grade_id")):
            yield dict(rubric)


def is_locked(cell: Cell) -> bool:
    """The instructor wrote it: a submission's text for it is ignored."""
    meta = cell["metadata"].get("nbgrader", {})
    return not meta.get("solution") and bool(meta.get("grade") or meta.get("locked"))


def _known_cells(notebook: Mapping[str, Any]) -> Iterator[Cell]:
    for cell in notebook["cells"]:
        meta = cell["metadata"].get("nbgrader", {})
        if any(meta.get(kind) for kind in ("grade", "solution", "locked", "task")):
            yield cell


def _put_back(original: Cell, submitted: Cell) -> Cell:
    if is_locked(original) or original["metadata"]["nbgrader"].get("task"):
        return {**original, "id": submitted["id"]}
    return {**original, "id": submitted["id"], "source": submitted["source"]}


def with_unique_ids(cells: list[Cell]) -> list[Cell]:
    """The cells, of which the second one with the same id has another one."""
    taken, seen = {cell["id"] for cell in cells}, set()
    fresh = (name for number in count() if (name := f"restored-{number}") not in taken)
    made = []
    for cell in cells:
        made.append({**cell, "id": next(fresh)} if cell["id"] in seen else cell)
        seen.add(cell["id"])
    return made
