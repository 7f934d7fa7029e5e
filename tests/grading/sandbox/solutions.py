"""Grades the course's own solutions: python solutions.py COURSE prints what is wrong.

It needs nothing but what a learner's environment has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from onsite.course.layout import Layout
from onsite.grading.assignment import assignment_bytes
from onsite.grading.grader import LIMITS, Grader
from onsite.grading.outcome import Grade
from onsite.grading.result import Limits
from onsite.grading.sandbox import Sandbox, find
from onsite.grading.submission import Submission


def modules(layout: Layout) -> list[str]:
    return sorted(path.name for path in layout.source.glob("[0-9]*"))


def complaints(
    layout: Layout, module: str, sandbox: Sandbox | None, limits: Limits
) -> Iterator[str]:
    """What keeps a module's solutions from full points, and what is suspected of them."""
    notebooks = {path.stem: path.read_bytes() for path in layout.source.glob(f"{module}/*.ipynb")}
    with Grader(assignment_bytes(layout, module), limits=limits, sandbox=sandbox) as grader:
        submission = Submission("ann", module, None, notebooks)
        grade = Grade.from_bytes(grader.grade(submission.to_bytes()))
    if grade.problem or {topic.topic for topic in grade.topics} != set(notebooks):
        yield f"{module}: {grade.problem or 'not all topics are graded'}"
    for topic in grade.topics:
        if topic.problem or topic.points == 0:
            yield f"{topic.topic}: {topic.problem or 'no points'}"
        for score in topic.scores:
            if score.points not in (None, score.max_points):  # None: it waits for a person
                yield f"{score.cell} earns {score.points} of {score.max_points}"
        yield from map(str, topic.suspicions)


def main() -> None:
    """Grade every module, two at a time."""
    layout = Layout(Path(sys.argv[1]))
    sandbox = find() if sys.platform == "linux" else None  # elsewhere these are trusted

    def found_in(module: str) -> list[str]:
        return [*complaints(layout, module, sandbox, LIMITS)]

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(found_in, modules(layout)):
            for complaint in found:
                print(complaint)


if __name__ == "__main__":
    main()
