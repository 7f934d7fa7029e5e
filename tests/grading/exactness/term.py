"""A short term: everybody hands in, people look at some of it, some hand in again.

Who grades is an argument: stock nbgrader (record.py) or we (test_exactness.py).
"""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning
from tests.grading.book import submissions
from tests.grading.exactness.course import DUE, Module, write_course
from tests.grading.exactness.generate import Handed

from onsite.course.layout import Layout

#: Grades these students' submissions; says of those that it could not grade why.
Grade = Callable[[Layout, str, Sequence[str]], dict[str, str]]
#: One student's rows after the first grading and, for whom there was one, after the second.
Lines = dict[str, dict[str, Any]]


def run_term(
    root: Path,
    module: Module,
    handed: Sequence[Handed],
    register: Callable[[Layout, str], None],
    grade: Grade,
) -> Lines:
    """Run a term in the empty folder `root`; each student's line for the record.

    Args:
        root: an empty folder, which becomes the course.
        module: its one module.
        handed: what the students hand in.
        register: makes the gradebook know the module's cells.
        grade: grades.
    """
    layout = write_course(root, {module.name: module})
    register(layout, module.name)
    with _book(layout) as book:
        book.update_or_create_assignment(module.name, duedate=DUE)
    for each in handed:
        hand_in(layout, each)
    lines: Lines = {each.student: describe(each) for each in handed}
    _note(lines, "first", layout, module, grade(layout, module.name, [*lines]))
    later = [each.again for each in handed if each.again]
    _people(layout, module.name, [each.student for each in handed][::3])
    for each in later:
        hand_in(layout, each)
    names = [each.student for each in later]
    _note(lines, "again", layout, module, grade(layout, module.name, names) if names else {})
    return lines


def describe(each: Handed) -> dict[str, Any]:
    """What is known of a submission without grading it."""
    story = f"{each.story}, then {each.again.story}" if each.again else each.story
    return {"story": story, "digest": each.digest()}


def hand_in(layout: Layout, each: Handed) -> None:
    """Put a submission where nbgrader's students put it."""
    folder = layout.submitted / each.student / each.module
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, notebook in each.notebooks.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an older Jupyter's cells have no ids
            nbformat.write(notebook, folder / f"{name}.ipynb")
    if each.submitted:
        (folder / "timestamp.txt").write_text(f"{each.submitted} UTC\n")


def _book(layout: Layout) -> Gradebook:
    warnings.simplefilter("ignore", SAWarning)
    return Gradebook(f"sqlite:///{layout.gradebook}")


def _people(layout: Layout, module: str, students: Sequence[str]) -> None:
    """What people do in formgrader between two gradings."""
    with _book(layout) as book:
        for student in students:
            chance = random.Random(f"a grader of {student}")  # noqa: S311
            submission = book.find_submission(module, student)
            for notebook in sorted(submission.notebooks, key=lambda each: each.name):
                for grade in sorted(notebook.grades, key=lambda each: each.name):
                    if grade.auto_score is None or chance.random() < 0.2:
                        grade.manual_score = chance.choice([0, 0.5, 1, 2.25])
                        grade.extra_credit = chance.choice([None, None, 0.25])
                        grade.needs_manual_grade = False
                for comment in sorted(notebook.comments, key=lambda each: each.name):
                    if chance.random() < 0.5:
                        comment.manual_comment = "See me."
            if chance.random() < 0.3:
                submission.extension = timedelta(hours=chance.randrange(1, 20))
        book.db.commit()


def _note(lines: Lines, when: str, layout: Layout, module: Module, stopped: dict[str, str]) -> None:
    """Add to the lines what the gradebook says now."""
    found = submissions(f"sqlite:///{layout.gradebook}", module.name)
    now: dict[str, dict[str, Any]] = {}
    for student, *names in found["student"]:
        now[student] = {"person": names} if any(names) else {}
    for student, timestamp, extension in found["submission"]:
        now[student] |= {"submitted": timestamp and timestamp[:19]}
        if extension:
            now[student]["extension"] = extension
    for student, name, flagged, penalty in found["notebook"]:
        kept = {"flagged": flagged} if flagged else {}
        kept |= {} if penalty is None else {"penalty": penalty}
        now[student][name] = kept | {"grades": {}, "comments": {}}
    for student, name, cell, kind, auto, manual, extra, needs in found["grade"]:
        usual = manual is None and extra is None and bool(needs) is (auto is None)
        row = auto if usual else [auto, manual, extra, bool(needs)]
        now[student][name]["grades"][_key(cell, kind)] = row
    for student, name, cell, kind, auto, manual in found["comment"]:
        now[student][name]["comments"][_key(cell, kind)] = (
            auto if manual is None else [auto, manual]
        )
    for student, line in lines.items():
        if student in now and (when == "first" or now[student] != line["first"]):
            line[when] = now[student]
        if student in stopped:
            line[f"{when} stopped"] = stopped[student]


def _key(cell: str, kind: str) -> str:
    return f"{cell} (task)" if kind == "TaskCell" else cell
