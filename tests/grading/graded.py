"""A submission of the small course as it is after grading, without grading anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from onsite.course.compiler import compile_topic
from onsite.course.model import TopicPlan
from onsite.course.reader import read_topic
from onsite.course.syllabus import read_syllabus
from onsite.grading.restore import master

COURSE = Path(__file__).parents[1] / "fixtures" / "course" / "notebooks"
MODULE, TOPIC = "01-basics", "adding"


def source() -> dict[str, Any]:
    """The instructor's notebook as JSON has it."""
    plan: TopicPlan = read_syllabus(COURSE / "syllabus.yml")[0].topics[0]
    topic = read_topic(COURSE / MODULE / f"{TOPIC}.md", plan)
    return json.loads(nbformat.writes(compile_topic(topic)))


def executed(
    answers: Mapping[str, str] | None = None,
    errors: Mapping[str, tuple[str, str, list[str]]] | None = None,
    own: str = "",
) -> dict[str, Any]:
    """A graded notebook: hidden checks are there, solutions are not.

    Args:
        answers: what the student wrote, by grade_id.
        errors: name, message and traceback by the grade_id of the cell that failed; "own" is the
            student's own cell.
        own: the source of a cell that the student added as the first one.
    """
    original = master(json.dumps(source()).encode())
    notebook: dict[str, Any] = json.loads(nbformat.writes(original, split_lines=False))
    if own:
        notebook["cells"].insert(0, {"cell_type": "code", "metadata": {}, "source": own})
    count = 0
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in (answers or {}):
            cell["source"] = answers[grade_id]
        if cell["cell_type"] == "code":
            count += 1
            name = "own" if cell["source"] == own else grade_id
            cell.update(execution_count=count, outputs=[])
            if name in (errors or {}):
                ename, evalue, traceback = errors[name]
                cell["outputs"].append(
                    {
                        "output_type": "error",
                        "ename": ename,
                        "evalue": evalue,
                        "traceback": traceback,
                    }
                )
    return notebook
