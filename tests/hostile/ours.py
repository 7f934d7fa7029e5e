"""Grades a course as `./onsite grade` does, with shorter limits: what is under attack.

Usage: python -m tests.hostile.ours COURSE; prints the report as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.hostile.course import MODULE

from onsite.course.layout import Layout
from onsite.grading.feedback import write_feedback
from onsite.grading.grade import grade_module
from onsite.grading.result import Limits

LIMITS = Limits(
    seconds_per_cell=2.5,
    seconds=12,
    memory_bytes=256 << 20,
    output_bytes=1 << 20,
    processes=64,
    disk_bytes=128 << 20,
    file_bytes=64 << 20,
)


def main(root: Path) -> None:
    """Grade everything that was handed in."""
    layout = Layout(root)
    import functools

    from onsite.grading import grade as module
    from onsite.grading.sandbox import bubblewrap

    module.Grader = functools.partial(module.Grader, sandbox=bubblewrap.find())
    grades = grade_module(layout, MODULE, limits=LIMITS)
    write_feedback(layout, MODULE, [grade.student for grade in grades])
    json.dump([grade.report() for grade in grades], sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
