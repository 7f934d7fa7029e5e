"""Whose doing it is that an instructor's cell failed in a student's run: theirs, or the machine's.

What a check needs is prepared in locked cells without points, and these may fail for what the
student wrote: an annotation, a base class or a call needs something that an exercise asks for. A
server that did not start fails them as well. The one costs points, as with nbgrader; the other
is never a zero. An instructor's cell begins with pristine built-in functions, modules and names of
the instructor's, so an exercise's names are the only way from the student to it, but for what all
cells share: time, memory, the process.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from onsite.grading.referee.instrument import bound_by, plain_python
from onsite.grading.restore import Cell, Notebook, is_locked
from onsite.grading.result import CellResult, RunResult

_MISSING = re.compile(r"name '(\w+)' is not defined")
_FAILED = frozenset(("error", "timeout", "output_limit", "killed"))
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Names:
    """What whose cells bind in a notebook of source/, which passes all of it on this machine.

    `exercises` are the names that students are asked to bind, `all` those that any cell binds.
    """

    exercises: frozenset[str]
    all: frozenset[str]


def names_of(cells: Iterable[Cell]) -> Names:
    """The names of a notebook of source/, with its solutions."""
    exercises: set[str] = set()
    every: set[str] = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            bound = bound_by("".join(cell["source"]))
            every |= bound
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                exercises |= bound
    return Names(frozenset(exercises), frozenset(every))


def missing_names(cells: Iterable[CellResult]) -> set[str]:
    """The names that cells say they lack."""
    return {name for cell in cells for name in _MISSING.findall(cell.error_message)}


@dataclass(frozen=True, slots=True)
class Faults:
    """The instructor's cells that failed, and not for a name that was missing.

    `why` says it of the first one; it is empty if there is none. `doubtful`: all of them met a
    limit, or involve something of the student's, so that either may be the cause.
    """

    why: str = ""
    doubtful: bool = False


def faults(notebook: Notebook, result: RunResult, names: Names) -> Faults:
    """What failed in the instructor's own preparation that may be the machine's doing.

    A machine takes no names away: where a cell lacks one that the notebook binds, the student has
    not bound it, has moved cells, or an earlier cell failed, which is then judged by itself.
    """
    failed = [
        cell
        for cell in result.cells
        if cell.status in _FAILED
        and _prepares(notebook.cells[cell.index])
        and not (cell.error_name == "NameError" and missing_names([cell]) & names.all)
    ]
    if not failed:
        return Faults()
    first = failed[0]
    name = notebook.cells[first.index]["metadata"]["nbgrader"]["grade_id"]
    why = f"{first.error_name}: " + first.error_message.strip().split("\n")[0]
    return Faults(
        f"{name}, which is not the student's, failed: {why}",
        all(_is_doubtful(notebook, cell, names) for cell in failed),
    )


def _is_doubtful(notebook: Notebook, cell: CellResult, names: Names) -> bool:
    shared = cell.status != "error" or cell.limit
    return bool(shared or _reached(notebook, cell.index) & names.exercises)


def _prepares(cell: Cell) -> bool:
    return is_locked(cell) and not cell["metadata"]["nbgrader"].get("grade")


def _reached(notebook: Notebook, index: int) -> set[str]:
    """Every global name that running this instructor's cell may come by, also in what it calls."""
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for cell in notebook.cells:
        for statement in _statements(cell) if is_locked(cell) else ():
            for name in bound_by(ast.unparse(statement)):
                uses[name] |= _read(ast.walk(statement))
    found: set[str] = set()
    fresh = {
        name
        for statement in _statements(notebook.cells[index])
        for name in _read(_run_at_once(statement))
    }
    while fresh:
        found |= fresh
        fresh = set().union(*(uses.get(name, ()) for name in fresh)) - found
    return found


def _statements(cell: Cell) -> Sequence[ast.stmt]:
    text = plain_python(cell["source"]) if cell["cell_type"] == "code" else None
    return () if text is None else ast.parse(text).body


def _read(nodes: Iterable[ast.AST]) -> set[str]:
    return {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run with it: of a function all but its body."""
    yield node
    parts: Iterable[Any] = ast.iter_child_nodes(node)
    if isinstance(node, _Function):
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        parts = [part for part in parts if part not in body]
    for part in parts:
        yield from _run_at_once(part)
