"""From submitted/ to autograded/ and the gradebook.

`grade_module` finds the submissions, keeps several of them running, and is the one writer of
files and gradebook; what happens to one of them is in grader.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime

from onsite.course.layout import Layout
from onsite.course.reader import suggestion
from onsite.errors import OnsiteError
from onsite.files import write_atomically
from onsite.grading import gradebook
from onsite.grading.assignment import read_assignment
from onsite.grading.grader import LIMITS, Grader
from onsite.grading.outcome import Grade
from onsite.grading.restore import SubmissionError
from onsite.grading.result import Limits
from onsite.grading.submission import read_files, read_regular

#: A student's folder name: it becomes a path, a database key and part of a command line.
STUDENT = re.compile(r"\w[\w.@-]{0,127}")


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
    assignment = read_assignment(layout, module)
    students = find_students(layout, module, student)
    config = gradebook.nbgrader_config(layout)
    grades: list[Grade] = []
    grader = Grader(assignment.to_bytes(), limits=limits)

    def grade_one(name: str) -> tuple[Grade, datetime | None]:
        folder = layout.submitted / name / module
        try:
            submission = read_files(folder, name, module, assignment.masters)
        except SubmissionError as error:
            return Grade(name, module, (), problem=str(error)), None
        return Grade.from_bytes(grader.grade(submission.to_bytes())), submission.submitted

    pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1, thread_name_prefix="grade")
    try:
        with gradebook.Writer(config, module, assignment.masters) as book:
            for future in as_completed([pool.submit(grade_one, name) for name in students]):
                grade, submitted = future.result()
                if not grade.problem:
                    _store(layout, grade)
                    book.add(grade.student, submitted, _entries(grade))
                    book.flush()
                grades.append(grade)
                progress(grade, len(students))
    finally:
        # In this order, so that Ctrl-C need not wait for the submissions under way.
        grader.close()
        pool.shutdown(cancel_futures=True)
    return tuple(sorted(grades, key=lambda grade: grade.student))


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


def _entries(grade: Grade) -> dict[str, gradebook.Entry | None]:
    entries: dict[str, gradebook.Entry | None] = dict.fromkeys(grade.missing)
    for topic in grade.topics:
        if not topic.problem:
            entries[topic.topic] = gradebook.Entry(topic.scores, topic.unanswered)
    return entries


def _store(layout: Layout, grade: Grade) -> None:
    """Write the executed notebooks to autograded/, each in one step."""
    folder = layout.autograded / grade.student / grade.module
    for topic in grade.topics:
        if not topic.problem:
            write_atomically(folder / f"{topic.topic}.ipynb", topic.executed)
    stamp = read_regular(layout.submitted / grade.student / grade.module / "timestamp.txt")
    if stamp is not None:
        write_atomically(folder / "timestamp.txt", stamp)
