"""From submitted/ to autograded/ and the gradebook.

    read -> restore -> run -> score -> write -> record

`grade_notebook` is the part that needs nothing but bytes and a runner; `grade_module` finds the
submissions, keeps several of them running, and is the one writer of files and gradebook.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, parse_utc

from onsite.course.form import bound_names
from onsite.course.layout import Layout
from onsite.course.reader import suggestion
from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError
from onsite.files import write_atomically
from onsite.grading import gradebook
from onsite.grading.restore import (
    MAX_BYTES,
    SubmissionError,
    demos,
    magics,
    master,
    read_submission,
    restore,
)
from onsite.grading.result import Limits, RunResult
from onsite.grading.runner import Runner, RunnerError
from onsite.grading.score import Score, scores, unanswered

LIMITS = Limits(seconds_per_cell=60, seconds=600)
#: A student's folder name: it becomes a path, a database key and part of a command line.
STUDENT = re.compile(r"\w[\w.@-]{0,127}")
_MISSING = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True, slots=True)
class Submission:
    """What one student handed in for a module: the notebooks' bytes by topic.

    `missing` topics were not handed in; `unreadable` ones were, with the reason.
    """

    student: str
    module: str
    submitted: datetime | None
    notebooks: Mapping[str, bytes]
    missing: tuple[str, ...]
    unreadable: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicGrade:
    """What came of one submitted notebook.

    Either `executed` (the notebook as UTF-8 JSON) and its `scores`, or `problem`: why it could
    not be graded, which is never a zero.
    """

    topic: str
    scores: tuple[Score, ...] = ()
    unanswered: Mapping[str, bool] | None = None
    executed: bytes = b""
    problem: str = ""

    @property
    def points(self) -> float:
        """What was earned so far."""
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def max_points(self) -> float:
        """What could be earned, manually graded cells included."""
        return sum(score.max_points for score in self.scores)

    @property
    def needs_a_person(self) -> bool:
        """Some cell has to be graded by hand."""
        return any(score.points is None for score in self.scores)


@dataclass(frozen=True, slots=True)
class Grade:
    """What came of one submission; `missing` topics were not handed in and earn nothing."""

    student: str
    module: str
    topics: tuple[TopicGrade, ...]
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def graded(self) -> bool:
        """Everything that was handed in has its grade."""
        return not self.problem and not any(topic.problem for topic in self.topics)

    def report(self) -> dict[str, Any]:
        """The grade as plain data."""
        return {
            "student": self.student,
            "module": self.module,
            "graded": self.graded,
            "problem": self.problem,
            "missing": list(self.missing),
            "topics": [
                {
                    "topic": topic.topic,
                    "points": topic.points,
                    "max_points": topic.max_points,
                    "needs_a_person": topic.needs_a_person,
                    "problem": topic.problem,
                    "cells": [
                        {"id": s.cell, "points": s.points, "max_points": s.max_points}
                        for s in topic.scores
                    ],
                }
                for topic in self.topics
            ],
        }


# --- one notebook -----------------------------------------------------------------------------


def grade_notebook(
    runner: Runner, topic: str, original: NotebookNode, submission: bytes
) -> TopicGrade:
    """Grade one submitted notebook against `restore.master` of its source."""
    try:
        notebook = restore(read_submission(submission), original)
    except SubmissionError as error:
        return TopicGrade(topic, problem=str(error))
    problem = ""
    # What is not the student's fault is tried twice before it is reported.
    for _ in range(2):
        try:
            result = _run(runner, notebook)
        except RunnerError as error:
            problem = f"it could not be run: {error}"
            continue
        if not (problem := _broken_setup(notebook, result)):
            executed = nbformat.reads(result.notebook.decode(), as_version=4)
            return TopicGrade(topic, scores(executed), unanswered(executed), result.notebook)
    return TopicGrade(topic, problem=problem)


def _run(runner: Runner, notebook: NotebookNode) -> RunResult:
    """Run without the demos, which take most of the time and no check depends on.

    A student's own code may: when a name is missing that a demo defines (an import, mostly), it is
    all run again with the demos, as nbgrader and the student's own kernel did.
    """
    data = nbformat.writes(notebook).encode()
    result = runner.run(data, leave_out=demos(notebook) | magics(notebook))
    missing = {name for cell in result.cells for name in _MISSING.findall(cell.error_message)}
    if missing and any(missing & _names(notebook.cells[index].source) for index in demos(notebook)):
        return runner.run(data, leave_out=magics(notebook))
    return result


def _names(source: str) -> set[str]:
    try:
        return bound_names(source)
    except SyntaxError:
        return set()


def _broken_setup(notebook: NotebookNode, result: RunResult) -> str:
    """What failed in the instructor's own preparation, such as a server that did not start."""
    for cell in result.cells:
        original = notebook.cells[cell.index]
        if cell.status == "error" and is_locked(original) and not is_grade(original):
            name = original.metadata.nbgrader["grade_id"]
            return (
                f"{name}, which is not the student's, failed: {cell.error_name}: "
                + (cell.error_message.strip().split("\n")[0])
            )
    return ""


def grade_submission(
    runner: Runner, originals: Mapping[str, NotebookNode], submission: Submission
) -> Grade:
    """Grade everything that one student handed in for a module."""
    return Grade(
        submission.student,
        submission.module,
        (
            *(
                grade_notebook(runner, topic, originals[topic], data)
                for topic, data in submission.notebooks.items()
            ),
            *(TopicGrade(topic, problem=why) for topic, why in submission.unreadable.items()),
        ),
        submission.missing,
    )


# --- a module ---------------------------------------------------------------------------------


def grade_module(
    layout: Layout,
    module: str,
    student: str | None = None,
    *,
    jobs: int | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[Grade, int], None] = lambda grade, total: None,
) -> tuple[Grade, ...]:
    """Grade the submissions of a module, all students' or one's, sorted by student.

    Args:
        layout: the course.
        module: which module.
        student: grade only this one.
        jobs: how many notebooks run at once; by processors if left out.
        limits: what one notebook may use.
        progress: called with each grade, and the number of them to come in all.

    Raises:
        OnsiteError: there is no such module or submission.
    """
    originals = read_masters(layout, module)
    students = find_students(layout, module, student)
    config = gradebook.nbgrader_config(layout)
    gradebook.register(gradebook.database(config), module, originals)
    grades: list[Grade] = []
    with _warm(layout, module, limits) as start:
        if isinstance(start, str):
            grades = [Grade(name, module, (), problem=start) for name in students]
            for grade in grades:
                progress(grade, len(students))
            return tuple(grades)
        pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1, thread_name_prefix="grade")
        try:
            running = [
                pool.submit(_grade_one, start, layout, module, name, originals) for name in students
            ]
            for future in as_completed(running):
                grade, submitted = future.result()
                if not grade.problem:
                    _store(layout, grade)
                    gradebook.record(config, module, grade.student, submitted, _entries(grade))
                grades.append(grade)
                progress(grade, len(students))
        finally:
            # In this order, so that Ctrl-C need not wait for the submissions under way.
            start.close()
            pool.shutdown(cancel_futures=True)
    return tuple(sorted(grades, key=lambda grade: grade.student))


def _grade_one(
    runner: Runner,
    layout: Layout,
    module: str,
    student: str,
    originals: Mapping[str, NotebookNode],
) -> tuple[Grade, datetime | None]:
    try:
        submission = read_files(layout.submitted / student / module, student, module, originals)
    except SubmissionError as error:
        return Grade(student, module, (), problem=str(error)), None
    return grade_submission(runner, originals, submission), submission.submitted


def read_masters(layout: Layout, module: str) -> dict[str, NotebookNode]:
    """The instructor's notebooks of a module by topic.

    Raises:
        OnsiteError: source/ does not have the module.
    """
    folder = layout.source / module
    known = sorted(path.name for path in layout.source.glob("*") if path.is_dir())
    if module not in known:
        raise OnsiteError(f"source/ has no module {module!r}{suggestion(module, known)}.")
    notebooks = {path.stem: master(path.read_bytes()) for path in sorted(folder.glob("*.ipynb"))}
    if not notebooks:
        raise OnsiteError(f"{folder} has no notebooks; make them by ./onsite build {module}.")
    return notebooks


def find_students(layout: Layout, module: str, student: str | None = None) -> list[str]:
    """Who handed in the module.

    Raises:
        OnsiteError: nobody did, or a folder has a name that is no student id.
    """
    handed_in = sorted(path.parent.name for path in layout.submitted.glob(f"*/{module}"))
    if student is not None:
        if student not in handed_in:
            raise OnsiteError(
                f"There is no folder submitted/{student}/{module}{suggestion(student, handed_in)}."
            )
        handed_in = [student]
    if not handed_in:
        raise OnsiteError(f"Nobody has handed in {module}: there is no submitted/*/{module}.")
    for name in handed_in:
        if not STUDENT.fullmatch(name):
            raise OnsiteError(
                f"The folder submitted/{name!r} is not named by a student id; ids have letters, "
                "digits, and inside also . _ @ and -."
            )
    return handed_in


def read_files(folder: Path, student: str, module: str, topics: Mapping[str, object]) -> Submission:
    """Read what one student handed in.

    Only regular files count, so that no link leads elsewhere and no pipe waits for ever.

    Raises:
        SubmissionError: the submission as a whole cannot be read.
    """
    notebooks: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    missing: list[str] = []
    for topic in topics:
        try:
            data = _read_regular(folder / f"{topic}.ipynb")
        except SubmissionError as error:
            unreadable[topic] = str(error)
        else:
            if data is None:
                missing.append(topic)
            else:
                notebooks[topic] = data
    return Submission(student, module, _timestamp(folder), notebooks, tuple(missing), unreadable)


def _read_regular(path: Path) -> bytes | None:
    """The file's content, at most just above what is allowed; None when there is no file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.parent.is_symlink():
            raise SubmissionError(f"{path.name} is not a regular file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from None


def _timestamp(folder: Path) -> datetime | None:
    """When it was handed in, from nbgrader's timestamp.txt."""
    data = _read_regular(folder / "timestamp.txt")
    if data is None or not (text := data[:200].decode("utf-8", "replace").strip()):
        return None
    try:
        when: datetime = parse_utc(text)
    except (ValueError, OverflowError):
        raise SubmissionError(
            f"timestamp.txt holds {text!r}, which is no time such as 2026-11-20 17:05:00 UTC"
        ) from None
    return when


@contextmanager
def _warm(layout: Layout, module: str, limits: Limits) -> Iterator[Runner | str]:
    """A runner with the module's servers at hand, or the reason why there is none."""
    services = {
        service
        for each in read_syllabus(layout.syllabus)
        if each.id == module
        for topic in each.topics
        for service in topic.services
    }
    with ExitStack() as stack:
        environment = {}
        try:
            if "postgres" in services:
                # One server for all runs: each notebook gets a database of its own on it.
                from onsite.services import postgres

                environment["ONSITE_POSTGRES_URL"] = stack.enter_context(postgres()).url
        except Exception as error:  # whatever keeps a server from starting, no student is to blame
            yield f"PostgreSQL did not start: {error}"
            return
        yield stack.enter_context(Runner(limits=limits, environment=environment))


def _entries(grade: Grade) -> dict[str, gradebook.Entry | None]:
    entries: dict[str, gradebook.Entry | None] = dict.fromkeys(grade.missing)
    for topic in grade.topics:
        if not topic.problem:
            entries[topic.topic] = gradebook.Entry(topic.scores, topic.unanswered or {})
    return entries


def _store(layout: Layout, grade: Grade) -> None:
    """Write the executed notebooks to autograded/, each in one step."""
    folder = layout.autograded / grade.student / grade.module
    for topic in grade.topics:
        if not topic.problem:
            write_atomically(folder / f"{topic.topic}.ipynb", topic.executed)
    stamp = _read_regular(layout.submitted / grade.student / grade.module / "timestamp.txt")
    if stamp is not None:
        write_atomically(folder / "timestamp.txt", stamp)
