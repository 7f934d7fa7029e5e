"""Grades submissions: bytes in, result bytes out, nothing shared with whoever asks.

    read -> restore -> run -> score

A worker process of `onsite grade` has one Grader, and so has a Dask worker on another machine.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cache, partial
from typing import Any, Self

from onsite.course.form import bound_names
from onsite.grading.assignment import Assignment, assignment_bytes
from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.preload import used_by
from onsite.grading.referee.instrument import bound_by
from onsite.grading.restore import (
    Notebook,
    SubmissionError,
    demos,
    is_locked,
    left_out,
    magics,
    read_submission,
    restore,
    roles,
)
from onsite.grading.result import Limits, RunResult
from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox
from onsite.grading.score import executed_cells, scores, unanswered
from onsite.grading.servers import fetch_programs, shared_servers
from onsite.grading.submission import Submission

__all__ = ["LIMITS", "Grader", "assignment_bytes"]

LIMITS = Limits(seconds_per_cell=60, seconds=600)
#: How much of an error's text is kept beside the executed notebook, in characters.
LONGEST_ERROR = 300
_MISSING = re.compile(r"name '(\w+)' is not defined")


class Grader:
    """Grades submissions of one assignment, one after the other or from several threads.

    Args:
        assignment: from `assignment_bytes`.
        limits: what one notebook may use.
        sandbox: what fences the runs in; None runs them as ordinary processes of this user.
    """

    def __init__(
        self, assignment: bytes, *, limits: Limits = LIMITS, sandbox: Sandbox | None = None
    ) -> None:
        self._assignment = Assignment.from_bytes(assignment)
        self._limits = limits
        self._sandbox = sandbox
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._broken = ""
        self._faults: dict[str, str] = {}  # by topic: why nobody's can be graded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything that was started for the runs."""
        self._stack.close()

    def grade(self, submission: bytes) -> bytes:
        """Grade everything that one student handed in.

        Args:
            submission: a `Submission`, by its `to_bytes`.

        Returns:
            A `Grade`, for its `from_bytes`. What could not be graded is in there as a problem,
            never as an exception and never as a zero.
        """
        return self._grade(Submission.from_bytes(submission)).to_bytes()

    def _grade(self, submission: Submission) -> Grade:
        runner = self._start()
        if runner is None:
            return Grade(submission.student, submission.module, (), problem=self._broken)
        graded = tuple(
            self._grade_topic(runner, topic, data) for topic, data in submission.notebooks.items()
        )
        refused = tuple(
            TopicGrade(topic, problem=why) for topic, why in submission.unreadable.items()
        )
        return Grade(submission.student, submission.module, (*graded, *refused), submission.missing)

    def _grade_topic(self, runner: Runner, topic: str, data: bytes) -> TopicGrade:
        original = self._assignment.masters[topic]
        reference = self._assignment.references[topic]
        exercises = exercise_names(reference)
        with self._lock:
            if topic not in self._faults:
                proof = grade_notebook(runner, topic, original, reference, exercises)
                if proof.problem:  # which may pass, so the next submission finds out again
                    return TopicGrade(topic, problem=proof.problem)
                self._faults[topic] = _fault(proof)
        if fault := self._faults[topic]:
            return TopicGrade(topic, problem=fault)
        return grade_notebook(runner, topic, original, data, exercises)

    def _start(self) -> Runner | None:
        """The runner with the module's servers at hand; None when they do not start."""
        with self._lock:
            if self._runner is None and not self._broken:
                try:
                    fetch_programs(self._assignment.services)
                    # In a sandbox each run has servers of its own, and no way to any other.
                    shared = () if self._sandbox else self._assignment.services
                    environment = self._stack.enter_context(shared_servers(shared))
                except Exception as error:  # whatever it is, no student is to blame
                    self._broken = f"PostgreSQL did not start: {error}"
                else:
                    self._runner = self._stack.enter_context(
                        Runner(
                            limits=self._limits,
                            environment=environment,
                            sandbox=self._sandbox,
                            optional=used_by(self._sources()),
                        )
                    )
            return self._runner

    def _sources(self) -> Iterator[str]:
        """The source of every cell that is run of a submission, or one like it."""
        for data in self._assignment.references.values():
            cells = [
                {**cell, "source": "".join(cell["source"])} for cell in json.loads(data)["cells"]
            ]
            spare = left_out(Notebook(cells, {}))
            yield from (cell["source"] for index, cell in enumerate(cells) if index not in spare)


def grade_notebook(
    runner: Runner,
    topic: str,
    original: Mapping[str, Any],
    submission: bytes,
    exercises: frozenset[str] = frozenset(),
) -> TopicGrade:
    """Grade one submitted notebook against `restore.master` of its source.

    `exercises` are the names that it asks students to bind: see `Runner.run`.
    """
    try:
        notebook = restore(read_submission(submission), original)
    except SubmissionError as error:
        return TopicGrade(topic, problem=str(error))
    problem = ""
    # What is not the student's fault is tried twice before it is reported.
    for _ in range(2):
        try:
            result = _run(runner, notebook, exercises)
        except Exception as error:  # whatever it is: a fault of ours is no zero
            problem = f"it could not be run: {str(error) or repr(error)}"
            continue
        if not (problem := _broken_setup(notebook, result)):
            executed = list(executed_cells(notebook, result))
            return TopicGrade(
                topic,
                scores(executed),
                unanswered(executed),
                result.notebook,
                suspicions=result.suspicions,
                run=account_of(result),
            )
    return TopicGrade(topic, problem=problem)


def _run(runner: Runner, notebook: Notebook, exercises: frozenset[str]) -> RunResult:
    """Run without the demos, which take most of the time and no check depends on.

    A student's own code may: when a name is missing that a demo defines (an import, mostly), it is
    all run again with the demos, as nbgrader and the student's own kernel did.
    """
    data = notebook.to_bytes()
    run = partial(runner.run, data, roles=roles(notebook), exercises=exercises)
    result = run(leave_out=left_out(notebook))
    missing = {name for cell in result.cells for name in _MISSING.findall(cell.error_message)}
    if missing and any(
        missing & _names(notebook.cells[index]["source"]) for index in demos(notebook)
    ):
        return run(leave_out=magics(notebook))
    return result


@cache
def exercise_names(reference: bytes) -> frozenset[str]:
    """The global names that the solutions of a notebook of source/ bind."""
    cells = json.loads(reference)["cells"]
    return frozenset().union(
        *(
            bound_by("".join(cell["source"]))
            for cell in cells
            if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("solution")
        )
    )


def _fault(proof: TopicGrade) -> str:
    """What is wrong with a topic whose own solutions do not earn all there is."""
    for score in proof.scores:
        if score.points is not None and score.points < score.max_points:
            return (
                f"the course's own solution gets {score.points:g} of {score.max_points:g} points "
                f"for {score.cell} on this machine"
            )
    return ""


def account_of(result: RunResult) -> dict[str, Any]:
    """What a run used and which limits it met, and how each of its cells ended."""
    return {
        "ending": result.ending,
        "limit": result.limit,
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_seconds, 3),
        "memory_bytes": result.memory_bytes,
        "cells": [
            {
                "cell": cell.id,
                "place": cell.index,
                "status": cell.status,
                "limit": cell.limit,
                "seconds": round(cell.seconds, 3),
                "error": f"{cell.error_name}: {cell.error_message}"[:LONGEST_ERROR]
                if cell.error_name
                else "",
                "assertions": [
                    {"line": line, "came_to": came_to} for line, came_to in cell.assertions
                ],
            }
            for cell in result.cells
        ],
    }


def _names(source: str) -> set[str]:
    try:
        return bound_names(source)
    except SyntaxError:
        return set()


def _broken_setup(notebook: Notebook, result: RunResult) -> str:
    """What failed in the instructor's own preparation, such as a server that did not start."""
    for cell in result.cells:
        original = notebook.cells[cell.index]
        nbgrader = original["metadata"].get("nbgrader", {})
        if cell.status == "error" and is_locked(original) and not nbgrader.get("grade"):
            return (
                f"{nbgrader['grade_id']}, which is not the student's, failed: {cell.error_name}: "
                + cell.error_message.strip().split("\n")[0]
            )
    return ""
