"""Grades submissions: bytes in, result bytes out, nothing shared with whoever asks.

    read -> restore -> run -> score                 (exam.py)

A worker process of `onsite grade` has one Grader, and so has a Dask worker on another machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Self

from onsite.grading.assignment import Assignment, assignment_bytes
from onsite.grading.exam import Exam, Turns
from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.preload import used_by
from onsite.grading.restore import Notebook, left_out
from onsite.grading.result import Limits
from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox
from onsite.grading.servers import fetch_programs, shared_servers
from onsite.grading.submission import Submission

__all__ = ["LIMITS", "Grader", "assignment_bytes"]

LIMITS = Limits(seconds_per_cell=60, seconds=600)


class Grader:
    """Grades submissions of one assignment, one after the other or from several threads.

    Args:
        assignment: from `assignment_bytes`.
        limits: what one notebook may use.
        sandbox: what fences the runs in; None runs them as ordinary processes of this user.
        where: see `Exam`.
    """

    def __init__(
        self,
        assignment: bytes,
        *,
        limits: Limits = LIMITS,
        sandbox: Sandbox | None = None,
        where: str = "",
    ) -> None:
        self._assignment = Assignment.from_bytes(assignment)
        self._limits = limits
        self._sandbox = sandbox
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._starts = Turns()
        self._broken = ""
        self._where = where
        self._exams = {
            topic: Exam(topic, original, self._assignment.references[topic], where)
            for topic, original in self._assignment.masters.items()
        }

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
            self._exams[topic].grade(runner, data) for topic, data in submission.notebooks.items()
        )
        refused = tuple(
            TopicGrade(topic, problem=why) for topic, why in submission.unreadable.items()
        )
        return Grade(submission.student, submission.module, (*graded, *refused), submission.missing)

    def _start(self) -> Runner | None:
        """The runner with the module's servers at hand; None when they do not start."""
        with self._lock:
            if self._runner is None and self._starts.due():
                self._runner = self._try_to_start()
            return self._runner

    def _try_to_start(self) -> Runner | None:
        what = "The programs that its notebooks need cannot be had"
        try:
            fetch_programs(self._assignment.services)
            what = "PostgreSQL did not start"
            # In a sandbox each run has servers of its own, and no way to any other.
            shared = () if self._sandbox else self._assignment.services
            environment = self._stack.enter_context(shared_servers(shared))
        except Exception as error:  # whatever it is, no student is to blame
            self._broken = f"{what}: {error}{self._where}"
            return None
        runner = Runner(
            limits=self._limits,
            environment=environment,
            sandbox=self._sandbox,
            optional=used_by(self._sources()),
        )
        return self._stack.enter_context(runner)

    def _sources(self) -> Iterator[str]:
        """The source of every cell that is run of a submission, or one like it."""
        for data in self._assignment.references.values():
            cells = [
                {**cell, "source": "".join(cell["source"])} for cell in json.loads(data)["cells"]
            ]
            spare = left_out(Notebook(cells, {}))
            yield from (cell["source"] for index, cell in enumerate(cells) if index not in spare)
