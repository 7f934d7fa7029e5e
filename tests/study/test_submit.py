"""Handing in: what is copied, what is said about it, and what comes back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from tests.study.test_magics import FORGETS_LARGE, GOOD

from onsite.course.build import build
from onsite.course.layout import Layout
from onsite.course.reader import read_course
from onsite.errors import OnsiteError
from onsite.grading.assignment import read_assignment
from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.summary import Line
from onsite.study import submit
from onsite.study.progress import Progress
from onsite.study.workspace import sync

MODULE = "01-throttles"


@pytest.fixture
def studied(layout: Layout) -> Layout:
    """The small course, built, with its notebooks in work/."""
    course = read_course(layout)
    build(layout, course, course.topics)
    sync(layout)
    return layout


def solve(layout: Layout, exercise: str, source: str) -> None:
    """Type a solution into the learner's notebook."""
    path = layout.work / MODULE / "buckets.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == exercise:
            cell.source = source
    nbformat.write(notebook, path)


def test_hand_in_has_the_notebooks_and_nbgraders_timestamp(studied: Layout) -> None:
    solve(studied, "quota", FORGETS_LARGE)
    done = submit.hand_in(studied, MODULE, "ann")
    assert done.folder == studied.submitted / "ann" / MODULE
    assert sorted(path.name for path in done.folder.iterdir()) == ["buckets.ipynb", "timestamp.txt"]
    mine = studied.work / MODULE / "buckets.ipynb"
    assert (done.folder / "buckets.ipynb").read_bytes() == mine.read_bytes()
    assert done.notes == ()
    from nbgrader.utils import parse_utc

    assert parse_utc((done.folder / "timestamp.txt").read_text().strip()).year >= 2026


def test_a_later_hand_in_takes_the_place_of_the_earlier(studied: Layout) -> None:
    submit.hand_in(studied, MODULE, "ann")
    (studied.submitted / "ann" / MODULE / "left-over.txt").write_text("")
    solve(studied, "quota", "x = 1")
    folder = submit.hand_in(studied, MODULE, "ann").folder
    assert sorted(path.name for path in folder.iterdir()) == ["buckets.ipynb", "timestamp.txt"]
    assert "x = 1" in (folder / "buckets.ipynb").read_text()
    assert [path.name for path in studied.submitted.iterdir() if path.is_dir()] == ["ann"]


def test_a_failed_hand_in_keeps_the_earlier(
    studied: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submit.hand_in(studied, MODULE, "ann").folder
    before = (folder / "buckets.ipynb").read_bytes()
    (studied.work / MODULE / "buckets.ipynb").write_text("{ half")
    with pytest.raises(OnsiteError, match="no notebook any more"):
        submit.hand_in(studied, MODULE, "ann")
    assert (folder / "buckets.ipynb").read_bytes() == before


def test_an_untouched_notebook_is_named(studied: Layout) -> None:
    (note,) = submit.hand_in(studied, MODULE, "ann").notes
    assert "work/01-throttles/buckets.ipynb is as it came" in note


def test_a_missing_notebook_is_named_and_the_others_go_in(studied: Layout) -> None:
    other = studied.release / MODULE / "queues.ipynb"
    other.write_bytes((studied.release / MODULE / "buckets.ipynb").read_bytes())
    notes = submit.hand_in(studied, MODULE, "ann").notes
    assert "work/01-throttles/queues.ipynb is missing; it earns nothing." in notes


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("01-throtles", "no module '01-throtles'; did you mean 01-throttles"),
        ("02-people", "has no notebooks yet"),
        ("../01-throttles", "no module"),
    ],
)
def test_wrong_modules_are_one_sentence(studied: Layout, module: str, sentence: str) -> None:
    with pytest.raises(OnsiteError, match=sentence):
        submit.hand_in(studied, module, "ann")
    assert not studied.submitted.exists()


def test_nothing_in_work_is_one_sentence(studied: Layout) -> None:
    (studied.work / MODULE / "buckets.ipynb").unlink()
    with pytest.raises(OnsiteError, match="run onsite lab to get them"):
        submit.hand_in(studied, MODULE, "ann")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a b", "ä"])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(OnsiteError, match="--student"):
        submit.student_name(name)


def test_the_users_own_name_is_made_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert submit.student_name("ann.b-2") == "ann.b-2"
    monkeypatch.setattr("getpass.getuser", lambda: "DOMAIN\\Änne Bär")
    assert submit.student_name(None) == "DOMAIN-nne-B-r"

    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert submit.student_name(None) == "learner"


@pytest.mark.slow
def test_scores_and_feedback_of_a_hand_in(studied: Layout) -> None:
    solve(studied, "quota", FORGETS_LARGE)
    submit.hand_in(studied, MODULE, "ann")
    found, (page,) = submit.grade(studied, MODULE, "ann", None)
    scores = {score.name: score for score in found}
    assert list(scores) == ["quota", "gate", "say-quota"]
    assert (scores["quota"].earned, scores["quota"].possible) == (2, 5)
    assert scores["quota"].failed == ("a large quota refused what it has",)
    assert (scores["gate"].earned, scores["gate"].failed) == (0, ("still the stub",))
    assert scores["say-quota"].by_person
    assert page == studied.feedback / "ann" / MODULE / "buckets.html"
    assert "a large quota refused what it has" in page.read_text()

    solve(studied, "quota", GOOD)
    submit.hand_in(studied, MODULE, "ann")
    found, _ = submit.grade(studied, MODULE, "ann", None)
    assert [score.earned for score in found] == [5, 0, 0]
    assert Progress().standings() == {}, "what the grader runs is not the learner's progress"


@pytest.mark.slow
def test_the_command_prints_points_messages_and_pages(studied: Layout) -> None:
    solve(studied, "quota", FORGETS_LARGE)
    done = subprocess.run(
        [sys.executable, "-m", "onsite", "submit", MODULE, "--student", "ann"],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "140"}, check=True,
    )  # fmt: skip
    assert re.search(r"quota\W+2\W+5\W+a large quota refused what it has", done.stdout)
    assert re.search(r"gate\W+0\W+4\W+still the stub", done.stdout)
    assert re.search(r"total\W+2\W+9", done.stdout)
    assert "2 more points for what a person reads: say-quota" in done.stdout
    assert str(studied.feedback / "ann" / MODULE / "buckets.html") in done.stdout

    wrong = [sys.executable, "-m", "onsite", "submit", "01-throtles"]
    failed = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "did you mean 01-throttles" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_topic_that_was_not_handed_in_earns_nothing(studied: Layout) -> None:
    originals = read_assignment(studied, MODULE).masters
    found = submit.scores(originals, Grade("ann", MODULE, (), missing=("buckets",)))
    assert [(score.earned, score.possible) for score in found] == [(0, 5), (0, 4), (0, 2)]
    assert found[0].failed == ("not handed in",)


def test_what_could_not_be_graded_is_no_score(
    studied: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = TopicGrade("buckets", problem="the server did not start")
    broken = Line.of(Grade("ann", MODULE, (topic,)))
    monkeypatch.setattr(submit, "grade_module", lambda *_, **__: (broken,))
    with pytest.raises(OnsiteError, match="not graded \\(buckets: the server did not start"):
        submit.grade(studied, MODULE, "ann", None)


def test_messages_do_not_take_the_page_over() -> None:
    cell = nbformat.v4.new_code_cell(
        outputs=[
            nbformat.v4.new_output("error", ename="AssertionError", evalue="x" * 5000),
            nbformat.v4.new_output("error", ename="KeyError", evalue="'a'\n 'b'"),
            nbformat.v4.new_output("stream", text="printed"),
            nbformat.v4.new_output("stream", name="stderr", text="Deprecated\n"),
        ]
    )
    long, other = submit._messages(cell)
    assert len(long) <= submit.LONGEST_MESSAGE + 1
    assert other == "KeyError: 'a' 'b'"


def test_broken_json_of_every_kind_is_no_notebook(tmp_path: Path) -> None:
    for content in (b"", b"[]", b"{}", b'{"cells": 1}', b"\xff\xfe", json.dumps("x").encode()):
        with pytest.raises(OnsiteError, match="no notebook any more"):
            submit._require_notebook(tmp_path / "a.ipynb", content)
