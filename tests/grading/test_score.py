from __future__ import annotations

from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.utils import compute_checksum

from onsite.grading.score import Score, scores, unanswered


def check(*outputs: NotebookNode, points: float = 4) -> NotebookNode:
    meta = {"grade": True, "solution": False, "locked": True, "grade_id": "check", "points": points}
    return new_code_cell("1", metadata={"nbgrader": meta}, outputs=list(outputs))


def value(text: str) -> NotebookNode:
    return new_output("execute_result", {"text/plain": text}, execution_count=1)


@pytest.mark.parametrize(
    ("outputs", "points"),
    [
        ([], 4),
        ([new_output("stream", text="fine")], 4),
        ([new_output("error", ename="E", evalue="", traceback=[])], 0),
        ([new_output("stream", name="stderr", text="warning")], 0),
        ([value("2.5")], 2.5),
        ([value("0")], 0),
        ([value("'words'")], 4),
        ([value("2"), new_output("error", ename="E", evalue="", traceback=[])], 2),
        ([value("1000")], 0),
        ([new_output("execute_result", {"text/html": "1"}, execution_count=1)], 0),
    ],
)
def test_nbgraders_rules(outputs: list[NotebookNode], points: float) -> None:
    assert scores([check(*outputs)]) == (Score("check", points, 4),)


@pytest.mark.parametrize(("text", "points", "untouched"), [("old", 0, True), ("new", None, False)])
def test_written_answers(text: str, points: float | None, untouched: bool) -> None:
    meta: dict[str, Any] = {
        "grade": True,
        "solution": True,
        "locked": False,
        "grade_id": "say",
        "points": 2,
    }
    cell = new_markdown_cell("old", metadata={"nbgrader": meta})
    cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
    cell["source"] = text
    notebook = [cell, new_code_cell("student's own")]
    assert scores(notebook) == (Score("say", points, 2),)
    assert unanswered(notebook) == {"say": untouched}
