"""Grade the generated submissions with stock nbgrader and keep what its gradebook says.

    python -m tests.grading.exactness.record [MODULE ...]

Ten minutes or so for all of it on an idle machine. To be run again when nbgrader, a topic's cells
or the generator change; the test says so.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from tests.grading.exactness import stock
from tests.grading.exactness.course import Module, modules
from tests.grading.exactness.generate import generate
from tests.grading.exactness.term import Lines, run_term

from onsite.course.layout import Layout
from onsite.files import write_atomically
from onsite.grading.servers import shared_servers

FOLDER = Path(__file__).parent / "recorded"
#: What decides what stock nbgrader does with a notebook.
PACKAGES = ("nbgrader", "nbconvert", "nbclient", "ipykernel", "IPython", "nbformat")


def read(module: str) -> tuple[dict[str, Any], Lines]:
    """What was recorded of a module: the versions, and a line for each submission."""
    first, *rest = (FOLDER / f"{module}.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(first), {(line := json.loads(each)).pop("student"): line for each in rest}


def record(module: Module, root: Path) -> None:
    """Grade a module's submissions with stock nbgrader, and write the file."""
    handed = generate(module)
    services = ["postgres"] if module.name == "06-sql" else []
    with shared_servers(services) as environment:
        os.environ.update(environment)
        lines = run_term(root, module, handed, stock.generate, grade)
    head = {name: version(name) for name in PACKAGES}
    head["python"] = ".".join(map(str, sys.version_info[:3]))
    text = [json.dumps(head)]
    for student, line in lines.items():
        text.append(json.dumps({"student": student, **line}, ensure_ascii=False))
    write_atomically(FOLDER / f"{module.name}.jsonl", ("\n".join(text) + "\n").encode())


def grade(layout: Layout, module: str, students: Sequence[str]) -> dict[str, str]:
    """Grade with stock nbgrader; what stops it, once more without copied cells.

    So the record says both: that a copy stops nbgrader, and what the rest of the notebook earns.
    """
    stopped = stock.autograde(layout, module, students)
    for student in stopped:
        for path in (layout.submitted / student / module).glob("*.ipynb"):
            drop_copies(path)
    still = stock.autograde(layout, module, [*stopped]) if stopped else {}
    return stopped | {student: f"{still[student]}, also without copies" for student in still}


def drop_copies(path: Path) -> None:
    """Leave only the first of the cells that nbgrader knows by one id."""
    notebook = nbformat.read(path, as_version=4)
    seen: set[str] = set()
    kept = []
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if not grade_id or grade_id not in seen:
            kept.append(cell)
        seen.add(grade_id)
    notebook["cells"] = kept
    nbformat.write(notebook, path)


def main(names: list[str]) -> None:
    """Record the modules that are named, or all."""
    course = modules()
    for name in names or course:
        with tempfile.TemporaryDirectory(prefix="onsite-stock-") as root:
            record(course[name], Path(root) / "course")


if __name__ == "__main__":
    main(sys.argv[1:])
