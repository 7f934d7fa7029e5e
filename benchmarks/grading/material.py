"""What is graded: assignments of this course and a small one, and classes that handed them in."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from onsite.course.compiler import compile_topic, stub, student_version
from onsite.course.layout import Layout, find_layout
from onsite.course.model import Topic
from onsite.course.reader import read_course

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass(frozen=True)
class Assignment:
    """An nbgrader assignment of one notebook, and answers of every quality to its exercises.

    `answers` has for the grade_id of each solution cell what students may have written there, the
    instructor's own solution first.
    """

    module: str
    topic: str
    source: NotebookNode
    answers: Mapping[str, Sequence[str]]

    def submission(self, number: int) -> bytes:
        """What student `number` hands in: the answers are mixed in another way for each.

        Number 0 has the instructor's solutions. No two are equal, so that nothing is gained by
        remembering one.
        """
        notebook = student_version(copy.deepcopy(self.source))
        for place, cell in enumerate(solution_cells(notebook)):
            choices = self.answers[cell.metadata.nbgrader["grade_id"]]
            cell["source"] = f"{choices[number * (place + 1) % len(choices)]}\n# {number}"
        return nbformat.writes(notebook).encode()


def solution_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells that students write."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("solution") and not meta.get("grade"):
            yield cell


# --- a small assignment, as any course has them ----------------------------------------------

SMALL_SETUP = "import math\nfrom collections import Counter"
SMALL: dict[str, dict[str, Any]] = {
    "spread": {
        "solution": (
            "def spread(values):\n"
            '    """The largest value minus the smallest; 0 when there are none."""\n'
            "    ### BEGIN SOLUTION\n"
            "    return max(values) - min(values) if values else 0\n"
            "    ### END SOLUTION"
        ),
        "checks": (
            'assert spread([3, 1, 2]) == 2, "the largest minus the smallest"',
            'assert spread([]) == 0, "nothing has no spread"\n'
            "### BEGIN HIDDEN TESTS\n"
            "for shift in range(-20, 20):\n"
            '    assert spread([shift, shift + 5]) == 5, "also below zero"\n'
            "### END HIDDEN TESTS",
        ),
        "answers": (
            "def spread(values):\n    return max(values) - min(values) if values else 0",
            "def spread(values):\n    return max(values) - min(values)",
            "def spread(values):\n    return max(values) - values[0]",
            "def spread(values)\n    return 0",
        ),
    },
    "common": {
        "solution": (
            "def common(text, count):\n"
            '    """The `count` most frequent words, in lower case, ties by alphabet."""\n'
            "    ### BEGIN SOLUTION\n"
            "    found = Counter(text.lower().split())\n"
            "    return sorted(found, key=lambda word: (-found[word], word))[:count]\n"
            "    ### END SOLUTION"
        ),
        "checks": (
            'assert common("a b a", 1) == ["a"], "the most frequent word"',
            'assert common("b a B c", 2) == ["b", "a"], "case does not matter"\n'
            "### BEGIN HIDDEN TESTS\n"
            'assert common("z y x", 3) == ["x", "y", "z"], "ties by alphabet"\n'
            'assert math.isclose(len(common("", 5)), 0), "no words"\n'
            "### END HIDDEN TESTS",
        ),
        "answers": (
            "def common(text, count):\n"
            "    found = Counter(text.lower().split())\n"
            "    return sorted(found, key=lambda word: (-found[word], word))[:count]",
            "def common(text, count):\n"
            "    return [word for word, _ in Counter(text.lower().split()).most_common(count)]",
            "def common(text, count):\n"
            "    return [word for word, _ in Counter(text.split()).most_common(count)]",
            "def common(text, count):\n    raise NotImplementedError",
            "def common(text, count):\n    return text.words()[:count]",
        ),
    },
}


def small() -> Assignment:
    """Two functions, four checks: what is left is the cost of grading at all."""
    cells = [
        new_markdown_cell("# A small assignment", id="title"),
        _cell(SMALL_SETUP, "setup", {"role": "setup", "name": ""}, locked=True),
    ]
    for name, exercise in SMALL.items():
        cells.append(
            _cell(exercise["solution"], name, {"role": "exercise", "name": name}, solution=True)
        )
        for number, check in enumerate(exercise["checks"], start=1):
            place = {"role": "check", "name": name, "about": f"check {number}"}
            marks = {"grade": True, "locked": True, "points": number}
            cells.append(_cell(check, f"{name}-check-{number}", place, **marks))
    place = {"module": "00-small", "topic": "small", "title": "Small"}
    return Assignment(
        "00-small",
        "small",
        new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "onsite": place}),
        {name: exercise["answers"] for name, exercise in SMALL.items()},
    )


def _cell(source: str, name: str, place: Mapping[str, str], **more: object) -> NotebookNode:
    marks = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    metadata = {"nbgrader": marks | {"grade_id": name} | more, "onsite": place}
    return new_code_cell(source, id=name, metadata=metadata)


# --- topics of the course --------------------------------------------------------------------


def topic(name: str, *, demos: bool) -> Assignment:
    """A topic of this course, with or without the cells that only show something."""
    found: Topic = next(t for t in read_course(find_layout()).topics if t.id == name)
    notebook = compile_topic(found)
    if not demos:
        notebook.cells = [
            cell for cell in notebook.cells if cell.metadata.get("onsite", {}).get("role") != "demo"
        ]
    answers = {
        exercise.id: [
            exercise.solution.source,
            *(alternative.cell.source for alternative in exercise.alternatives),
            *(wrong.cell.source for wrong in exercise.wrong),
            stub(exercise.solution.source),
        ]
        for exercise in found.exercises
    }
    return Assignment(found.module, found.id, notebook, answers)


# --- a course folder -------------------------------------------------------------------------


def student(number: int) -> str:
    """The id of a student; sorts by number."""
    return f"student-{number:05d}"


def lay_out(root: Path, assignment: Assignment, count: int) -> Layout:
    """A course folder in which `count` students have handed in `assignment`."""
    layout = Layout(root)
    layout.notebooks.mkdir(parents=True)
    shutil.copy(find_layout().syllabus, layout.syllabus)
    folder = layout.source / assignment.module
    folder.mkdir(parents=True)
    nbformat.write(assignment.source, folder / f"{assignment.topic}.ipynb")
    for number in range(count):
        folder = layout.submitted / student(number) / assignment.module
        folder.mkdir(parents=True)
        (folder / f"{assignment.topic}.ipynb").write_bytes(assignment.submission(number))
        (folder / "timestamp.txt").write_text("2026-11-20 17:05:00 UTC\n", encoding="utf-8")
    return layout
