"""Plain `nbgrader autograde` in this repository: our grader behind nbgrader's own command."""

from __future__ import annotations

import copy
import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from tests.grading.grading import grade
from tests.grading.test_grade import HONEST, MODULE, Edit, answer, by_id, course_with, rows, solve

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading import sandbox
from onsite.grading.gradebook import nbgrader_config
from onsite.grading.ledger import only_grader
from onsite.grading.nbgrader import warm


def duplicated(notebook: NotebookNode) -> None:
    """A copy of a check and of an answer; the first ones count."""
    solve(notebook)
    for grade_id in ("add-check-1", "add"):
        twin = copy.deepcopy(by_id(notebook, grade_id))
        twin["source"] = "raise RuntimeError"
        notebook.cells.append(twin)


def deleted(notebook: NotebookNode) -> None:
    """Neither the first locked cell nor the checks are there."""
    solve(notebook)
    for grade_id in ("adding-setup-Calls", "add-check-1", "total-check-1", "say-it"):
        notebook.cells.remove(by_id(notebook, grade_id))


def retyped(notebook: NotebookNode) -> None:
    solve(notebook)
    cell = by_id(notebook, "add-check-1")
    cell["cell_type"] = "markdown"
    for name in ("outputs", "execution_count"):
        cell.pop(name, None)


def from_an_old_schema(notebook: NotebookNode) -> None:
    """One such cell ends stock nbgrader's whole batch."""
    solve(notebook)
    notebook.cells.append(
        new_code_cell(metadata={"nbgrader": {"grade_id": "mine", "schema_version": 1, "grade": 1}})
    )


MANGLED: dict[str, Edit] = {
    "duplicated": duplicated,
    "deleted": deleted,
    "retyped": retyped,
    "schema": from_an_old_schema,
    "crashes": answer(add="def add(a, b):\n    return a + b", total="import os\nos._exit(1)"),
}


def converter(layout: Layout, kind: type[BaseConverter], student: str = "*") -> BaseConverter:
    """What `nbgrader autograde MODULE` or `nbgrader generate_feedback MODULE` runs."""
    config = nbgrader_config(layout)
    course = CourseDirectory(config=config, assignment_id=MODULE, student_id=student)
    made = kind(coursedir=course, config=config)
    made.force = True
    return made


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Honest and mangled submissions, graded by nbgrader."""
    layout = course_with(tmp_path_factory.mktemp("autograde") / "course", {**HONEST, **MANGLED})
    for student in ("garbage", "pipe", "link", "new"):
        (layout.submitted / student / MODULE).mkdir(parents=True)
    (layout.submitted / "garbage" / MODULE / "adding.ipynb").write_text("{")
    (layout.submitted / "new" / MODULE / "adding.ipynb").write_text('{"nbformat": 9, "cells": []}')
    os.mkfifo(layout.submitted / "pipe" / MODULE / "adding.ipynb")
    link = layout.submitted / "link" / MODULE / "adding.ipynb"
    link.symlink_to(layout.source / MODULE / "adding.ipynb")
    extra = layout.submitted / "right" / MODULE / "page"
    extra.mkdir()
    (extra / "evil.html").write_text("<script>document.title = 'pwned'</script>")
    (extra / "evil.svg").symlink_to(layout.source / MODULE / "adding.ipynb")
    with pytest.raises(NbGraderException):
        converter(layout, Autograde).start()
    return layout


@pytest.mark.slow
def test_the_gradebook_is_that_of_onsite_grade(course: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "course")
    shutil.copytree(course.root, other.root, symlinks=True, ignore=_odd)
    shutil.rmtree(other.autograded)
    other.gradebook.unlink()
    grade(other, MODULE)
    ours = rows(other)
    theirs = rows(course)
    students = {*HONEST, *MANGLED}
    assert {name.split()[0] for name in ours} >= students
    expected = {name: row for name, row in ours.items() if name.split()[0] in students}
    assert {name: theirs.get(name) for name in expected} == expected


def _odd(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("pipe", "link", "garbage", "new")]


@pytest.mark.slow
def test_nobody_stops_the_others(course: Layout) -> None:
    found = rows(course)
    assert found["duplicated"][:2] == found["deleted"][:2] == (5, 7)
    assert found["retyped"][:2] == found["schema"][:2] == (5, 7)
    assert found["crashes"][0] == 3
    for student in ("garbage", "pipe", "link", "new"):
        assert found[f"{student} add-check-1"] == (None, None, True, 2), "never a zero"
        assert not (course.autograded / student / MODULE).exists()


@pytest.mark.slow
def test_nothing_else_that_was_handed_in_gets_into_autograded(course: Layout) -> None:
    folder = course.autograded / "right" / MODULE
    files = sorted(path.name for path in folder.rglob("*") if not path.is_dir())
    assert files == ["adding.ipynb", "timestamp.txt"]


@pytest.mark.slow
def test_generate_feedback_writes_our_pages(course: Layout) -> None:
    converter(course, GenerateFeedback, "part").start()
    folder = course.feedback / "part" / MODULE
    page = (folder / "adding.html").read_text(encoding="utf-8")
    assert "mind the sign" in page
    assert "Content-Security-Policy" in page
    assert "add is wrong for larger numbers" not in page
    assert sorted(path.name for path in folder.iterdir()) == ["adding.html", "timestamp.txt"]


@pytest.mark.slow
def test_without_a_sandbox_nothing_is_touched(
    course: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> sandbox.Sandbox:
        raise OnsiteError("No sandbox can be had here.")

    before = (course.autograded / "right" / MODULE / "adding.ipynb").stat().st_mtime_ns
    monkeypatch.setattr(warm, "find", refuse)
    monkeypatch.setattr(warm, "_warm", warm._Warm())
    with pytest.raises(NbGraderException, match=r"No sandbox can be had here\. Or set c\.Subm"):
        converter(course, Autograde, "right").start()
    assert (course.autograded / "right" / MODULE / "adding.ipynb").stat().st_mtime_ns == before

    trusting = converter(course, Autograde, "right")
    trusting.config.SubmissionExporter.trust = True
    trusting.start()
    assert rows(course)["right"][0] == 5
    warm._warm.close()


@pytest.mark.slow
def test_it_does_nothing_while_another_grader_works(course: Layout) -> None:
    page = course.autograded / "right" / MODULE / "adding.ipynb"
    before = page.stat().st_mtime_ns
    alone = only_grader(course, pytest.fail)
    with alone, pytest.raises(NbGraderException, match=r"already \(process \d+\), so nothing was"):
        converter(course, Autograde, "right").start()
    assert page.stat().st_mtime_ns == before

    converter(course, Autograde, "right").start()
    assert page.stat().st_mtime_ns > before, "it takes the lock, and lets it go"
    with only_grader(course, pytest.fail):
        pass


@pytest.mark.slow
def test_no_execute_does_not_believe_a_students_outputs(course: Layout) -> None:
    path = course.submitted / "wrong" / MODULE / "adding.ipynb"
    notebook = json.loads(path.read_text())
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    lazy = converter(course, Autograde, "wrong")
    lazy.config.Execute.enabled = lazy.config.ClearOutput.enabled = False
    lazy.start()
    assert rows(course)["wrong"][0] == 0


def test_a_check_that_claims_too_much_earns_nothing_in_both() -> None:
    from nbgrader.utils import determine_grade
    from tests.grading.graded import executed

    from onsite.grading.nbgrader.autograde import agreeing
    from onsite.grading.outcome import TopicGrade
    from onsite.grading.score import Score

    nb = executed()
    for cell in nb["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "add-check-1":
            cell["outputs"] = [
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "100"},
                    "metadata": {},
                    "execution_count": 1,
                }
            ]
    graded = TopicGrade("adding", (Score("add-check-1", 0.0, 2.0),), {}, json.dumps(nb).encode())
    check = by_id(agreeing(graded), "add-check-1")
    assert determine_grade(check) == (0, 2)
    assert nbformat.validator.isvalid(nbformat.from_dict({**nb, "cells": [check]}))
