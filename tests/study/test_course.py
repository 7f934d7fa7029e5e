"""The learner's magics on the topics of the real course."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.study.conftest import Notebook

from onsite.course.layout import Layout
from onsite.course.model import Cell, Topic
from onsite.course.reader import read_course

ROOT = Path(__file__).parents[2]
TOPICS = read_course(Layout(ROOT)).topics

pytestmark = pytest.mark.slow


@pytest.fixture
def real_course(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setenv("ONSITE_ROOT", str(ROOT))
    return notebook


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_every_solution_passes_and_every_wrong_answer_does_not(
    topic: Topic, real_course: Notebook
) -> None:
    for cell in topic.cells:
        if cell.kind == "code" and cell.role in ("plain", "exercise"):
            real_course(cell.source)
    for exercise in topic.exercises:
        seen = real_course(f"%check {exercise.id}")
        assert f"{exercise.points} of {exercise.points} points" in seen.text, seen.text
        assert not seen.stdout
        for wrong in exercise.wrong:
            real_course(wrong.cell.source)
            seen = real_course(f"%check {exercise.id}")
            assert wrong.expect in seen.text, wrong.idea
            assert not _leaks(seen.html + seen.text, exercise.checks[-1].cell)
            restore(real_course, exercise.solution)


def restore(notebook: Notebook, solution: Cell) -> None:
    notebook(solution.source)


def _leaks(shown: str, check: Cell) -> list[str]:
    """Lines of a check's hidden part that are shown as they are."""
    hidden = check.source.partition("### BEGIN HIDDEN TESTS")[2]
    return [line for line in hidden.splitlines() if len(line) > 30 and line.strip() in shown]
