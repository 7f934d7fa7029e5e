"""Honest work earns with us what it earns with stock nbgrader: every row of the gradebook.

What stock nbgrader says was recorded (record.py); a sample of it is tried again here, so that the
record cannot drift from what nbgrader does.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins.export import CsvExportPlugin
from nbgrader.utils import is_grade, is_locked
from tests.grading.exactness import record, stock
from tests.grading.exactness.course import Module, modules
from tests.grading.exactness.generate import COUNTS, DUE, HABITS, Handed, generate
from tests.grading.exactness.term import Lines, run_term

from onsite.course.layout import Layout
from onsite.grading.assignment import read_assignment
from onsite.grading.grade import grade_module
from onsite.grading.gradebook import Writer, nbgrader_config
from onsite.grading.grader import LIMITS
from onsite.grading.sandbox import find
from onsite.grading.workers import LocalWorkers, processors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Where we differ from stock nbgrader on purpose, by the habit that shows it. The reasons are in
#: docs/instructors.md.
DIFFERENCES = {
    "no_check": "a deleted check comes back and is graded",
    "no_helper": "a deleted helper comes back, so that what needs it can be graded",
    "twice": "a copied cell stops neither the batch nor the submission",
    "warns": "a warning on standard error is no zero",
}
#: And the submissions that show one more: a helper whose name the student took for something else
#: is put back before a check that needs it.
SHADOWED = {"16-005": "found = !echo hello"}
#: How many submissions are graded by stock nbgrader here and now.
SAMPLE = {"00-ordinary": 4, "16-interview": 2}


#: A module, what was handed in, what stock nbgrader said of it, and what we say.
Term = tuple[Module, list[Handed], Lines, Lines]


@pytest.fixture(scope="module")
def course() -> dict[str, Module]:
    return modules()


def register(layout: Layout, module: str) -> None:
    with Writer(nbgrader_config(layout), module, read_assignment(layout, module).masters):
        pass


def grade(layout: Layout, module: str, students: Sequence[str]) -> dict[str, str]:
    """`onsite grade MODULE --force`, for these students; whoever could not be graded."""
    workers = partial(LocalWorkers, jobs=processors(), limits=LIMITS, sandbox=find())
    lines = grade_module(layout, module, list(students), workers, again=True)
    return {line.student: "; ".join(line.reasons) for line in lines if line.status != "graded"}


def habits(story: str) -> set[str]:
    return {word for word in story.replace(", then ", " + ").split(" + ") if word in DIFFERENCES}


def rows(line: dict[str, Any], when: str) -> dict[tuple[str, ...], Any]:
    """The parts of a line, each under its own name."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in line.get(when, {}).items():
        if isinstance(value, dict):
            for kind, inner in value.items():
                if isinstance(inner, dict):
                    found |= {(key, kind, cell): row for cell, row in inner.items()}
                else:
                    found[key, kind] = inner
        else:
            found[(key,)] = value
    return found


def lost(module: Module, each: Handed) -> set[str]:
    """The checks that the student deleted."""
    gone: set[str] = set()
    for name, notebook in each.notebooks.items():
        names = [
            {
                cell.metadata.nbgrader.grade_id
                for cell in cells
                if is_grade(cell) and is_locked(cell)
            }
            for cells in (module.release[name].cells, notebook.cells)
        ]
        gone |= names[0] - names[1]
    return gone


def every_row_is_nbgraders(term: Term) -> None:
    _, handed, recorded, ours = term
    assert not [line for line in ours.values() if "first stopped" in line]
    wrong: list[str] = []
    for each in handed:
        expected, found = recorded[each.student], ours[each.student]
        for when, version_ in (("first", each), ("again", each.again)):
            allowed = habits(version_.story) if version_ else set()
            if when == "again":
                allowed |= habits(each.story)
            if allowed - {"twice"} or each.student in SHADOWED:
                continue  # below, by name
            theirs, mine = rows(expected, when), rows(found, when)
            wrong += [
                f"{each.student} ({each.story}) {when} {key}: "
                f"nbgrader {theirs.get(key, 'has none')}, we {mine.get(key, 'have none')}"
                for key in sorted(theirs.keys() | mine.keys())
                if key not in theirs or key not in mine or theirs[key] != mine[key]
            ]
    assert not wrong, "\n".join(wrong)


def first_gradings(
    term: Term, habit: str
) -> list[tuple[Handed, dict[tuple[str, ...], Any], dict[tuple[str, ...], Any]]]:
    """The submissions with no other difference than this one: nbgrader's rows and ours."""
    _, handed, recorded, ours = term
    return [
        (each, rows(recorded[each.student], "first"), rows(ours[each.student], "first"))
        for each in handed
        if habits(each.story) == {habit}
    ]


def scores(found: dict[tuple[str, ...], Any]) -> dict[tuple[str, ...], float]:
    """The automatic points of each cell; none where a person is to decide."""
    return {key: row or 0 for key, row in found.items() if key[1:2] == ("grades",)}


def a_deleted_check_comes_back(term: Term) -> None:
    module = term[0]
    for each, theirs, mine in first_gradings(term, "no_check"):
        gone = lost(module, each)
        for key in theirs.keys() | mine.keys():
            if key[-1] == "penalty":
                continue  # it follows from the score
            if key[-1] not in gone:
                assert mine[key] == theirs[key], (each.student, key)
            else:
                assert theirs[key] is None, "nbgrader leaves a cell that is not there to a person"
                assert mine[key] is not None, (each.student, key)
                assert mine[key] > 0 or each.story != "right + no_check"


def a_deleted_helper_comes_back(term: Term) -> None:
    for each, theirs, mine in first_gradings(term, "no_helper"):
        less = {key for key, points in scores(theirs).items() if scores(mine)[key] < points}
        assert not less, (each.student, less)
        comments = [key for key in theirs if key[1:2] == ("comments",)]
        assert [mine[key] for key in comments] == [theirs[key] for key in comments]


def a_copied_cell_stops_nbgrader_and_not_us(
    term: Term,
) -> None:
    _, handed, recorded, ours = term
    copied = [each.student for each in handed if "twice" in each.story.split(" + ")]
    assert copied
    assert {recorded[student]["first stopped"] for student in copied} == {"the whole batch"}
    assert not [student for student in copied if "first stopped" in ours[student]]


def a_helper_that_the_student_shadowed_is_put_back(
    term: Term,
) -> None:
    _, handed, recorded, ours = term
    for each in handed:
        if each.student in SHADOWED:
            (notebook,) = each.notebooks.values()
            assert any(SHADOWED[each.student] in cell.source for cell in notebook.cells)
            theirs = scores(rows(recorded[each.student], "first"))
            mine = scores(rows(ours[each.student], "first"))
            assert all(mine[key] >= theirs[key] for key in theirs)
            assert mine != theirs, "no difference any more: take it out of SHADOWED"


def a_warning_is_no_zero(term: Term) -> None:
    for each, theirs, mine in first_gradings(term, "warns"):
        less = {key for key, points in scores(theirs).items() if scores(mine)[key] < points}
        assert not less, (each.student, less)


@pytest.mark.parametrize("name", COUNTS)
def test_every_submission_earns_what_nbgrader_gives(
    course: dict[str, Module], name: str, tmp_path: Path
) -> None:
    module = course[name]
    handed = generate(module)
    versions, recorded = record.read(name)
    assert versions["nbgrader"] == version("nbgrader"), "record again, with this nbgrader"
    known = {student: line["digest"] for student, line in recorded.items()}
    assert known == {each.student: each.digest() for each in handed}, (
        f"submissions changed: python -m tests.grading.exactness.record {name}"
    )
    ours = run_term(tmp_path / "course", module, handed, register, grade)
    term = module, handed, recorded, ours
    every_row_is_nbgraders(term)
    a_deleted_check_comes_back(term)
    a_deleted_helper_comes_back(term)
    a_copied_cell_stops_nbgrader_and_not_us(term)
    a_helper_that_the_student_shadowed_is_put_back(term)
    a_warning_is_no_zero(term)


def test_the_record_is_what_nbgrader_says_today(course: dict[str, Module], tmp_path: Path) -> None:
    """A sample graded by stock nbgrader and by us, down to the lines of `nbgrader export`."""
    chance = random.Random("the sample")  # noqa: S311
    for name, size in SAMPLE.items():
        _, recorded = record.read(name)
        usual = [each for each in generate(course[name]) if not habits(each.story)]
        sample = [replace(each, again=None) for each in chance.sample(usual, size)]
        theirs = tmp_path / "nbgrader" / name
        live = run_term(theirs, course[name], sample, stock.generate, stock.autograde)
        for each in sample:
            assert live[each.student]["first"] == recorded[each.student]["first"], each.story
        mine = tmp_path / "ours" / name
        run_term(mine, course[name], sample, register, grade)
        assert export(mine) == export(theirs)


def export(course: Path) -> list[str]:
    """What `nbgrader export` writes."""
    plugin = CsvExportPlugin(to=str(course / "grades.csv"))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        plugin.export(book)
    lines = (course / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 1
    return sorted(lines)


def test_there_are_enough_and_every_habit_is_there(course: dict[str, Module]) -> None:
    handed = [each for module in course.values() for each in generate(module)]
    assert len(handed) >= 300
    stories = {word for each in handed for word in each.story.split(" + ")}
    assert set(HABITS) <= stories
    assert set(DIFFERENCES) <= set(HABITS)
    assert any("no words" in each.story for each in handed), "a notebook was not handed in"
    assert sum(each.again is not None for each in handed) > 30
    assert sum(each.submitted is not None and each.submitted > DUE for each in handed) > 50
