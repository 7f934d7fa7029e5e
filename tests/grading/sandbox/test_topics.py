"""The course's own solutions get full points in a sandbox, with servers of their own."""

from __future__ import annotations

import pytest
from tests.grading.conftest import LIMITS

from onsite.course.layout import find_layout
from onsite.grading.assignment import assignment_bytes
from onsite.grading.grader import Grader
from onsite.grading.outcome import Grade
from onsite.grading.sandbox import Sandbox
from onsite.grading.submission import Submission

LAYOUT = find_layout()


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(path.name for path in LAYOUT.source.glob("[0-9]*")))
def test_every_module(box: Sandbox, module: str) -> None:
    notebooks = {path.stem: path.read_bytes() for path in LAYOUT.source.glob(f"{module}/*.ipynb")}
    with Grader(assignment_bytes(LAYOUT, module), limits=LIMITS, sandbox=box) as grader:
        submission = Submission("ann", module, None, notebooks)
        grade = Grade.from_bytes(grader.grade(submission.to_bytes()))
    assert grade.graded, [grade.problem, *(topic.problem for topic in grade.topics)]
    assert {topic.topic for topic in grade.topics} == set(notebooks)
    for topic in grade.topics:
        # what waits for a person has no points yet
        missed = [s for s in topic.scores if s.points not in (None, s.max_points)]
        assert missed == []
        assert topic.points > 0
