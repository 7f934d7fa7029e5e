"""Grading a course in a test as `onsite grade` does, by processes of this machine."""

from __future__ import annotations

from functools import partial

from onsite.course.layout import Layout
from onsite.grading.grade import find_students, grade_module
from onsite.grading.grader import LIMITS
from onsite.grading.recorder import Report
from onsite.grading.sandbox import Sandbox
from onsite.grading.summary import Line
from onsite.grading.workers import LocalWorkers


def grade(
    layout: Layout,
    module: str,
    student: str | None = None,
    *,
    again: bool = False,
    sandbox: Sandbox | None = None,
    report: Report | None = None,
) -> dict[str, Line]:
    """The lines by student."""
    lines = grade_module(
        layout,
        module,
        find_students(layout, module, student),
        partial(LocalWorkers, jobs=2, limits=LIMITS, sandbox=sandbox),
        again=again,
        report=report,
    )
    return {line.student: line for line in lines}
