"""The course whose submissions nbgrader and we grade: real topics, and what nbgrader's users make.

The real topics but one come without their demos and `%check` cells, which no check depends on and
which stock nbgrader would run for half a minute each.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from onsite.course.compiler import KERNELSPEC, compile_topic, student_version
from onsite.course.layout import Layout
from onsite.course.model import Topic
from onsite.course.reader import read_topic
from onsite.course.syllabus import read_syllabus

ROOT = Path(__file__).resolve().parents[3]
SMALL = ROOT / "tests" / "fixtures" / "course" / "notebooks"
REAL = {
    "01-values": "containers",
    "03-functions": "decorators",
    "05-concurrency": "gil",
    "06-sql": "n-plus-one",
    "11-apis": "rate-limiting",
    "16-interview": "introduce-yourself",
}
#: Comes with its demos, so that leaving them out is compared as well.
WHOLE = "decorators"
DUE = "2026-11-20 12:00:00 UTC"

CONFIG = '''
from pathlib import Path

from nbgrader.plugins import BasePlugin


class ByTheHour(BasePlugin):
    """A tenth of the score for each hour begun, and nothing for those who are excused."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        if student_id.endswith("7"):
            return None
        return score * (1 + total_seconds_late // 3600) / 10


c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.AssignLatePenalties.plugin_class = ByTheHour
# A busy machine is no student's fault.
c.Execute.timeout = 600
c.Execute.startup_timeout = 600
'''


@dataclass(frozen=True, slots=True)
class Pieces:
    """What an answer can be made of, by the cell that it belongs to.

    `right` and `wrong` are code for exercises; `answers` are the cells for words.
    """

    right: dict[str, tuple[str, ...]]
    wrong: dict[str, tuple[str, ...]]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """An assignment: its notebooks as in source/, and what their answers can be made of."""

    name: str
    source: dict[str, NotebookNode]
    pieces: dict[str, Pieces]

    @property
    def release(self) -> dict[str, NotebookNode]:
        """What students get."""
        return {name: student_version(notebook) for name, notebook in self.source.items()}


def modules() -> dict[str, Module]:
    """All of the course by name."""
    made = [_of_topic(topic) for topic in _topics()]
    return {module.name: module for module in (*made, _ordinary())}


def write_course(root: Path, course: dict[str, Module]) -> Layout:
    """Lay the course out as a folder for nbgrader and for us."""
    for module in course.values():
        folder = root / "source" / module.name
        folder.mkdir(parents=True)
        for name, notebook in module.source.items():
            nbformat.write(notebook, folder / f"{name}.ipynb")
    (root / "nbgrader_config.py").write_text(CONFIG)
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "syllabus.yml", root / "notebooks")
    return Layout(root)


def _topics() -> Iterator[Topic]:
    for folder in (ROOT / "notebooks", SMALL):
        for module in read_syllabus(folder / "syllabus.yml"):
            for plan in module.topics:
                if plan.id == REAL.get(module.id) or (folder == SMALL and plan.id == "adding"):
                    yield read_topic(folder / module.id / f"{plan.id}.md", plan)


def _of_topic(topic: Topic) -> Module:
    notebook = compile_topic(topic)
    notebook["cells"] = [
        cell
        for cell in notebook.cells
        if topic.plan.id == WHOLE
        or (onsite := cell.metadata.get("onsite", {})).get("role") not in ("demo", "magic")
        or onsite["name"] == "load"
    ]
    pieces = Pieces(
        {
            exercise.id: (
                _without_markers(exercise.solution.source),
                *(each.cell.source for each in exercise.alternatives),
            )
            for exercise in topic.exercises
        },
        {
            exercise.id: tuple(each.cell.source for each in exercise.wrong)
            for exercise in topic.exercises
        },
        tuple(answer.id for answer in topic.answers),
    )
    return Module(topic.plan.module, {topic.plan.id: notebook}, {topic.plan.id: pieces})


def _without_markers(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if " SOLUTION" not in line)


# --- ordinary nbgrader make -----------------------------------------------------------------


def _ordinary() -> Module:
    """Two notebooks in one assignment with every kind of cell that nbgrader's users make."""
    statistics = [
        new_markdown_cell("# Statistics of response times"),
        _cell("setup", "import math\n\nTIMES = [12, 15, 11, 230, 14, 13]", locked=True),
        _cell(
            "mean",
            'def mean(values):\n    """The arithmetic mean; 0 for no values."""\n'
            "    ### BEGIN SOLUTION\n    return sum(values) / len(values) if values else 0\n"
            "    ### END SOLUTION",
            solution=True,
        ),
        _cell(
            "mean-visible",
            "assert mean([1, 2, 3]) == 2\nassert math.isclose(mean(TIMES), 49.1666, rel_tol=1e-3)",
            points=2,
        ),
        _cell(
            "mean-partial",
            "# One point for each of three cases.\npoints = 0\n"
            "for values, expected in (([2, 4], 3), ([-1, 1], 0), ([], 0)):\n    try:\n"
            "        points += mean(values) == expected\n    except ZeroDivisionError:\n"
            "        pass\npoints",
            points=3,
        ),
        _cell(
            "mean-hidden",
            "### BEGIN HIDDEN TESTS\ntry:\n    assert mean(range(5)) == 2\nexcept TypeError:\n"
            "    raise AssertionError('mean takes any sequence')\n### END HIDDEN TESTS",
            points=1,
        ),
        _cell("explain", "# TODO: sketch how you would test mean", points=2, solution=True),
        _cell(
            "chart",
            "Draw the times on paper and upload a photograph.",
            points=4,
            task=True,
            locked=True,
        ),
    ]
    words = [
        _cell("load-words", "from collections import Counter", locked=True),
        _cell(
            "count",
            "### BEGIN SOLUTION\ndef count(text):\n    return Counter(text.lower().split())\n"
            "### END SOLUTION",
            solution=True,
        ),
        _cell(
            "count-check",
            "found = count('A rose is a rose')\nassert found['rose'] == 2, 'two roses'\n"
            "assert found == {'a': 2, 'rose': 2, 'is': 1}, f'found {found}'",
            points=2.5,
        ),
        _cell(
            "count-share",
            "cases = {'x x': {'x': 2}, 'X x': {'x': 2}, '': {}}\n"
            "sum(0.5 for text, expected in cases.items() if dict(count(text)) == expected)",
            points=1.5,
        ),
        _cell("essay", "Why is counting words harder than it looks?", points=3, solution=True),
    ]
    right_mean = "def mean(values):\n    return sum(values) / len(values) if values else 0"
    pieces = {
        "statistics": Pieces(
            {
                "mean": (
                    right_mean,
                    "import statistics\ndef mean(values):\n"
                    "    return statistics.fmean(values) if len(values) else 0",
                )
            },
            {
                "mean": (
                    "def mean(values):\n    return sum(values) / len(values)",
                    "def mean(values):\n    return sorted(values)[len(values) // 2]",
                    "def mean(values):\n    return 'a lot'",
                    "def mean(values):\n    print(sum(values) / len(values))",
                )
            },
            ("explain", "chart"),
        ),
        "words": Pieces(
            {
                "count": (
                    "def count(text):\n    return Counter(text.lower().split())",
                    "def count(text):\n    found = {}\n    for word in text.lower().split():\n"
                    "        found[word] = found.get(word, 0) + 1\n    return found",
                )
            },
            {
                "count": (
                    "def count(text):\n    return Counter(text.split())",
                    "def count(text):\n    return Counter(text)",
                    "def count(text):\n    return len(text.split())",
                )
            },
            ("essay",),
        ),
    }
    metadata = {"kernelspec": dict(KERNELSPEC)}
    source = {
        "statistics": new_notebook(cells=statistics, metadata=metadata),
        "words": new_notebook(cells=words, metadata=metadata),
    }
    for notebook in source.values():
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"
    return Module("00-ordinary", source, pieces)


def _cell(grade_id: str, source: str, **roles: Any) -> NotebookNode:
    meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    if "points" in roles and not roles.get("task"):
        roles["grade"] = True
        roles["locked"] = not roles.get("solution")
    words = roles.get("task") or grade_id == "essay"
    make = new_markdown_cell if words else new_code_cell
    cell: NotebookNode = make(source, metadata={"nbgrader": meta | {"grade_id": grade_id} | roles})
    return cell
