"""What a student is told, and what must never get into it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from tests.grading.graded import executed, source

from onsite.grading.feedback import render
from onsite.grading.marks import Mark, Marks, Note
from onsite.grading.report import (
    LONGEST_MESSAGE,
    MOST_FRAMES,
    MOST_OWN,
    Failure,
    Frame,
    report,
)

WRONG = "def add(a, b):\n    return helper(a, b)\n\n\ndef helper(a, b):\n    return a / 0"
MARKS = Marks(
    {
        "add-check-1": Mark(0.0),
        "add-check-2": Mark(1.0),
        "total-check-1": Mark(0.0),
        "say-it": Mark(None, waits=True),
    },
    {"add": Note(), "total": Note("No response."), "say-it": Note()},
)


def traceback(*frames: str) -> list[str]:
    """As IPython gives it: a header, the frames, the error again."""
    return ["-----", "ZeroDivisionError  Traceback", *frames, "ZeroDivisionError: division by zero"]


def test_exercises_checks_and_answers_with_their_points() -> None:
    said = report(source(), executed({"add": WRONG, "say-it": "I *add*."}), "ann", MARKS)
    assert (said.student, said.module, said.topic) == ("ann", "01-basics", "adding")
    assert said.title == "Adding numbers"
    add, total = said.exercises
    assert (add.id, add.code, add.untouched) == ("add", WRONG, False)
    assert (add.earned, add.possible) == (1, 3)
    assert [check.about for check in add.checks] == ["small numbers", "negative numbers"]
    assert total.untouched
    (answer,) = said.answers
    assert (answer.text, answer.rubric, answer.possible) == ("I *add*.", "", 2)
    assert (said.earned, said.possible, said.waiting) == (1, 7, 2)


def test_a_persons_points_count_and_open_the_rubric() -> None:
    marks = Marks(
        {**MARKS.marks, "say-it": Mark(None, 1.5, extra=0.25), "add-check-1": Mark(0.0, 2.0)},
        {**MARKS.notes, "say-it": Note("No response.", "Say *why*.")},
        penalty=0.5,
    )
    said = report(source(), executed({"add": WRONG}), "ann", marks)
    assert said.earned == 1.5 + 0.25 + 2 + 1 - 0.5
    assert said.waiting == 0
    (answer,) = said.answers
    assert answer.rubric == "- from left to right"
    assert answer.comment == "Say *why*."


def test_the_message_of_a_failed_assertion_stands_alone() -> None:
    hidden = '\x1b[36mCell\x1b[39m In[9], line 4\n---> 4 assert add(20, 22) == 42, "add is wrong"'
    nb = executed(
        {"add": WRONG}, {"add-check-1": ("AssertionError", "add is wrong", [hidden, "…"])}
    )
    check = report(source(), nb, "ann", MARKS).exercises[0].checks[0]
    assert check.failure == Failure("", "add is wrong")


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        # as IPython says it
        (
            "\x1b[36mCell\x1b[39m \x1b[32mIn[4]\x1b[39m, line {0}, in {1}(a, b)\n      1 def x():\n"
            "\x1b[32m----> {0}\x1b[39m     {2}\n      3 \n",
            "Cell In[9], line {0}\n----> {0} {2}\n",
        ),
        # as our referee does
        ("  line {0}, in {1}: {2}", "  line {0}, in {1}: {2}"),
    ],
)
def test_other_errors_show_the_students_lines_and_no_others(mine: str, other: str) -> None:
    frames = (
        other.format(4, "<module>", "assert add(20, 22) == 42"),
        mine.format(2, "add", "return helper(a, b)"),
        mine.format(6, "helper", "return a / 0"),
        mine.format(6, "helper", "return SECRET"),
        mine.format(600, "helper", "return a / 0"),
        "File /usr/lib/python3/json/decoder.py:337, in decode\n--> 337 return SECRET",
    )
    error = ("ZeroDivisionError", "division by zero", traceback(*frames))
    said = report(source(), executed({"add": WRONG}, {"add-check-1": error}), "ann", MARKS)
    failure = said.exercises[0].checks[0].failure
    assert failure == Failure(
        "ZeroDivisionError",
        "division by zero",
        (
            Frame("add", 2, "add", "return helper(a, b)"),
            Frame("add", 6, "helper", "return a / 0"),
        ),
    )
    assert_nothing_hidden(said)


def assert_nothing_hidden(said: Any) -> None:
    told = repr(asdict(said))
    for hidden in ("add(20, 22)", "SECRET", "a + b", "BEGIN"):
        assert hidden not in told


def test_a_line_of_any_number_is_no_place() -> None:
    error = ("E", "x", traceback(f"line {'9' * 5000}"))
    (own,) = report(source(), executed(own="1 / 0", errors={"own": error}), "ann", MARKS).own
    assert own.failure == Failure("E", "x")


def test_a_recursion_is_not_told_in_full() -> None:
    code = "def add(a, b):\n    return add(a, b)"
    frames = ["  line 2, in add: return add(a, b)"] * 50
    error = ("RecursionError", "x" * 5000, traceback(*frames))
    said = report(source(), executed({"add": code}, {"add-check-1": error}), "ann", MARKS)
    failure = said.exercises[0].checks[0].failure
    assert failure is not None
    assert len(failure.frames) == MOST_FRAMES
    assert failure.message == "x" * LONGEST_MESSAGE + "…"


def test_what_the_students_own_cells_did() -> None:
    error = ("NameError", "name 'y' is not defined", traceback("Cell In[1], line 1\n----> 1 x = y"))
    trace = ["  Cell In[3], line 1\n    def add(:\n           ^\nSyntaxError"]
    syntax = ("SyntaxError", "'(' was never closed", trace)
    nb = executed({"add": "def add(:"}, {"own": error, "add": syntax}, own="x = y")
    said = report(source(), nb, "ann", MARKS)
    (own,) = said.own
    assert own.code == "x = y"
    assert own.failure.frames == (Frame("a cell of your own", 1, "", "x = y"),)
    assert said.exercises[0].failure == Failure(
        "SyntaxError", "'(' was never closed", (Frame("add", 1, "", "def add(:"),)
    )


def test_of_very_many_failed_cells_some_are_told_of() -> None:
    nb = executed(own="1 / 0", errors={"own": ("E", "x", [])})
    nb["cells"] += [nb["cells"][0]] * MOST_OWN
    said = report(source(), nb, "ann", MARKS)
    assert (len(said.own), said.own_left) == (MOST_OWN, 1)
    assert "… and 1 more cells of your own." in render(said)


def test_the_instructors_cells_are_not_the_students_own() -> None:
    demo = next(cell for cell in source()["cells"] if "one and two make" in "".join(cell["source"]))
    nb = executed(own="".join(demo["source"]), errors={"own": ("NameError", "n", [])})
    assert report(source(), nb, "ann", MARKS).own == ()


def test_cells_that_are_not_there_are_empty() -> None:
    nb = executed()
    nb["cells"] = []
    said = report(source(), nb, "ann", Marks({}, {}))
    assert [exercise.code for exercise in said.exercises] == ["", ""]
    assert (said.earned, said.possible) == (0, 7)
