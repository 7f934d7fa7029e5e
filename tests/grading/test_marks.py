"""Marks are what nbgrader itself reads from the same gradebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.grading.graded import MODULE, TOPIC, source

from onsite.errors import OnsiteError
from onsite.grading.marks import Mark, Note, read_marks
from onsite.grading.register import register
from onsite.grading.restore import master


@pytest.fixture
def db_url(tmp_path: Path) -> str:
    """A gradebook that knows the small course and three students, one of them late."""
    import json

    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    register(url, "default_course", MODULE, {TOPIC: master(json.dumps(source()).encode())})
    with Gradebook(url) as book:
        for student in ("ann", "bea", "cy"):
            book.update_or_create_student(student)
            book.update_or_create_submission(
                MODULE, student, timestamp="2026-11-20 10:00:00.000000 UTC"
            )
        for cell, automatic, manual, extra in (
            ("add-check-1", 2, None, None),
            ("add-check-2", 0, 1, 0.5),
            ("say-it", None, 0, None),
        ):
            grade = book.find_grade(cell, TOPIC, MODULE, "ann")
            grade.auto_score, grade.manual_score, grade.extra_credit = automatic, manual, extra
            grade.needs_manual_grade = cell == "say-it"
        book.find_comment("add", TOPIC, MODULE, "ann").auto_comment = "No response."
        book.find_comment("say-it", TOPIC, MODULE, "ann").manual_comment = "Why?"
        book.find_submission_notebook(TOPIC, MODULE, "ann").late_submission_penalty = 0.5
        book.db.commit()
    return url


def test_marks_are_those_of_nbgrader(db_url: str) -> None:
    found = read_marks(db_url, MODULE, ["ann", "bea", "nobody"])
    assert set(found) == {("ann", TOPIC), ("bea", TOPIC)}
    ann = found["ann", TOPIC]
    assert ann.marks["add-check-2"] == Mark(0, 1, 0.5, waits=False)
    assert ann.marks["say-it"] == Mark(None, 0, 0.0, waits=True)
    assert ann.notes["add"] == Note("No response.", "")
    assert ann.notes["say-it"] == Note("", "Why?")
    assert ann.penalty == 0.5
    assert ann.submitted is not None
    assert ann.submitted.hour == 10
    with Gradebook(db_url) as book:
        for student in ("ann", "bea"):
            notebook = book.find_submission_notebook(TOPIC, MODULE, student)
            marks = found[student, TOPIC].marks
            assert {grade.name: grade.score for grade in notebook.grades} == {
                cell: mark.points for cell, mark in marks.items()
            }
            assert notebook.score == sum(mark.points for mark in marks.values())


def test_the_number_of_statements_does_not_grow_with_the_class(db_url: str) -> None:
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        read_marks(db_url, MODULE, ["ann"])
        alone = len(seen)
        read_marks(db_url, MODULE, ["ann", "bea", "cy"])
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert alone == 3
    assert len(seen) == 6


def test_a_gradebook_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OnsiteError, match=r"cannot be read: .*run ./onsite grade 01-basics"):
        read_marks(f"sqlite:///{tmp_path / 'none.db'}", MODULE, ["ann"])
