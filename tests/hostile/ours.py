"""Grades a course as `./onsite grade` does, with shorter limits: what is under attack.

Usage: python -m tests.hostile.ours COURSE; prints what `--json` prints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.hostile.course import MODULE

from onsite.course.layout import Layout
from onsite.grading import show
from onsite.grading.grade import find_students, grade_module
from onsite.grading.result import Limits
from onsite.grading.sandbox import find
from onsite.grading.workers import LocalWorkers, processors

LIMITS = Limits(
    seconds_per_cell=2.5,
    seconds=12,
    memory_bytes=256 << 20,
    output_bytes=1 << 20,
    processes=64,
    disk_bytes=128 << 20,
    file_bytes=64 << 20,
)


def workers(assignment: bytes) -> LocalWorkers:
    """Who grades."""
    return LocalWorkers(assignment, processors(), limits=LIMITS, sandbox=find())


def main(root: Path) -> None:
    """Grade everything that was handed in."""
    layout = Layout(root)
    report = show.grade_json(grade_module(layout, MODULE, find_students(layout, MODULE), workers))
    for line in report["submissions"]:
        line["suspicions"] = [each for topic in line["topics"] for each in topic["suspicions"]]
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
