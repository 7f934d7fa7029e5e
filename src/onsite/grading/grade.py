"""From submitted/ to autograded/, feedback/ and the gradebook, for a whole module.

    find -> read, skip what has its receipt -> hand out -> write

This process reads and writes (recorder.py); what happens to a submission in between is in
grader.py, in other processes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from onsite.course.layout import Layout
from onsite.errors import OnsiteError, sentence, suggestion
from onsite.grading.assignment import module_folder, read_assignment
from onsite.grading.gradebook import Writer, database, nbgrader_config
from onsite.grading.ledger import Receipts, only_grader
from onsite.grading.marks import read_totals
from onsite.grading.outcome import Grade
from onsite.grading.recorder import Recorder, Report
from onsite.grading.submission import STAGING
from onsite.grading.summary import Line
from onsite.grading.workers import Workers

_FULL = (errno.ENOSPC, errno.EDQUOT)


def grade_module(
    layout: Layout,
    module: str,
    students: list[str],
    workers: Callable[[bytes], Workers],
    *,
    again: bool = False,
    report: Report | None = None,
) -> tuple[Line, ...]:
    """Grade submissions of a module; a line for each, by student.

    It can be killed at any moment: the same call goes on with what was not written.

    Args:
        layout: the course.
        module: which module.
        students: whose, from `find_students`.
        workers: who grades, when told what (from `assignment_bytes`).
        again: also what is graded already.
        report: who is told meanwhile.

    Raises:
        OnsiteError: there is no such module, there is nobody to grade, or results cannot be
            written.
    """
    assignment = read_assignment(layout, module)
    config = nbgrader_config(layout)
    report = report or Report()
    with (
        _explained(),
        only_grader(
            layout, lambda who: report.wait(f"{who}; this one begins when that has ended.")
        ) as staging,
        Writer(config, module, assignment.masters) as book,
    ):
        totals = read_totals(database(config), module)
        recorder = Recorder(
            layout,
            module,
            assignment.masters,
            book=book,
            receipts=Receipts(layout, module, assignment.digest, totals=totals, staging=staging),
            staging=staging,
            report=report,
        )
        with workers(assignment.to_bytes()) as team:
            try:
                for result in team.grade(recorder.to_grade(students, again=again)):
                    recorder.take(Grade.from_bytes(result))
            finally:
                recorder.flush()
    return tuple(sorted(recorder.lines, key=lambda line: line.student))


def find_students(layout: Layout, module: str, student: str | None = None) -> list[str]:
    """Who handed in the module: the names of their folders, whatever these are.

    Raises:
        OnsiteError: there is no such module, or nobody handed it in, or not this student.
    """
    module_folder(layout, module)
    if student == "":
        raise OnsiteError("--student names nobody; give it the name of a folder of submitted/.")
    try:
        folders = [entry.name for entry in os.scandir(layout.submitted)]
    except FileNotFoundError:
        folders = []
    except OSError as error:
        raise OnsiteError(
            f"{layout.submitted} cannot be read ({error.strerror}); it has to be a folder with one "
            f"folder for each student, in which {module}/ is what was handed in."
        ) from None
    handed_in = sorted(
        name
        for name in folders
        if not name.startswith(STAGING) and _is_there(layout.submitted / name / module)
    )
    if student is not None:
        if student not in handed_in:
            known = suggestion(student, handed_in)
            raise OnsiteError(sentence(f"There is no folder submitted/{student}/{module}{known}"))
        return [student]
    if not handed_in:
        raise OnsiteError(f"Nobody has handed in {module}: there is no submitted/*/{module}.")
    return handed_in


def _is_there(folder: Path) -> bool:
    """Whether there is something, which also what cannot be looked into may be."""
    try:
        folder.lstat()
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR)
    return True


@contextmanager
def _explained() -> Iterator[None]:
    """Say in one sentence what keeps results from being written."""
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno in _FULL else str(error)
        raise OnsiteError(
            f"Grading stopped: {why}; what was graded is safe, so mend that and run the same "
            "command again, which goes on from here."
        ) from error
