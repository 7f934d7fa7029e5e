"""One notebook of an assignment as a grader knows it: how it is run, and if this machine can.

Before somebody's work is graded, the course's own solutions are, and have to get full points. That
is tried again when it fails, because what ails a machine may pass: at once, and then with the 2nd,
4th, 8th... submission, so that a topic that really is broken costs a class next to nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

from onsite.course.form import bound_names
from onsite.grading.blame import Faults, Names, faults, missing_names, names_of
from onsite.grading.outcome import TopicGrade
from onsite.grading.restore import (
    Notebook,
    SubmissionError,
    demos,
    left_out,
    magics,
    read_submission,
    restore,
    roles,
)
from onsite.grading.result import CellResult, RunResult
from onsite.grading.runner import Runner
from onsite.grading.score import executed_cells, scores, unanswered

#: What is not the student's fault is tried so often before it is reported.
TRIES = 2
#: How much of an error's text is kept beside the executed notebook, in characters.
LONGEST_ERROR = 300
#: How much of all demos is looked at for what it binds, in characters; to parse more takes long.
LONGEST_DEMOS = 100_000


class Turns:
    """Whose turn it is to try again what may have failed: the 1st, 2nd, 4th, 8th... who asks."""

    def __init__(self) -> None:
        self._asked = 0

    def due(self) -> bool:
        """Whether it is the turn of the one who asks now."""
        self._asked += 1
        return self._asked & (self._asked - 1) == 0


class Exam:
    """One notebook; safe to use from several threads.

    Args:
        topic: its name.
        original: from `restore.master`: what submissions are restored from.
        reference: the notebook of source/, with the course's own solutions.
        where: added to what is the machine's fault, where there are several machines.
    """

    def __init__(
        self, topic: str, original: Mapping[str, Any], reference: bytes, where: str = ""
    ) -> None:
        self.topic = topic
        self._where = where
        self._original = original
        self._reference = reference
        self._lock = threading.Lock()
        self._turns = Turns()
        self._sound = False
        self._fault = ""

    @cached_property
    def _names(self) -> Names:
        return names_of(json.loads(self._reference)["cells"])

    def grade(self, runner: Runner, submission: bytes) -> TopicGrade:
        """Grade one submitted notebook."""
        if fault := self._fault_here(runner):
            return TopicGrade(self.topic, problem=fault + self._where)
        try:
            notebook = restore(read_submission(submission), self._original)
        except SubmissionError as error:
            return TopicGrade(self.topic, problem=str(error))
        doubts = []
        for _ in range(TRIES):
            grade, found = self._run(runner, notebook)
            if not (problem := grade.problem or found.why):
                return grade
            doubts.append(found.doubtful)
        if all(doubts):
            # If the course's own work passes now, the machine is well: it is what the student made
            # of the names that those cells use.
            with self._lock:
                problem = self._prove(runner)
        return TopicGrade(self.topic, problem=problem + self._where) if problem else grade

    def _fault_here(self, runner: Runner) -> str:
        """Why nobody's can be graded on this machine now; empty if the solution has passed."""
        with self._lock:
            if not self._sound and self._turns.due():
                for _ in range(TRIES):
                    if not self._prove(runner):
                        break
            return self._fault

    def _prove(self, runner: Runner) -> str:
        """Run the course's own solution; what is wrong with that."""
        try:
            solution = restore(read_submission(self._reference), self._original)
        except SubmissionError as error:
            self._fault = f"the course's own notebook cannot be run: {error}"
            return self._fault
        grade, found = self._run(runner, solution)
        self._fault = grade.problem or found.why or _shortcoming(grade)
        self._sound = not self._fault
        if self._sound:
            self._turns = Turns()
        return self._fault

    def _run(self, runner: Runner, notebook: Notebook) -> tuple[TopicGrade, Faults]:
        try:
            result = _result(runner, notebook, self._names.exercises)
        except Exception as error:  # whatever it is: a fault of ours is no zero
            problem = f"it could not be run: {str(error) or repr(error)}"
            return TopicGrade(self.topic, problem=problem), Faults()
        executed = list(executed_cells(notebook, result))
        grade = TopicGrade(
            self.topic,
            scores(executed),
            unanswered(executed),
            result.notebook,
            suspicions=result.suspicions,
            run=account_of(notebook, result),
        )
        return grade, faults(notebook, result, self._names)


def _result(runner: Runner, notebook: Notebook, exercises: frozenset[str]) -> RunResult:
    """Run without the demos, which take most of the time and no check depends on.

    A student's own code may: when a name is missing that a demo defines (an import, mostly), it is
    all run again with the demos, as nbgrader and the student's own kernel did.
    """
    data = notebook.to_bytes()
    run = partial(runner.run, data, roles=roles(notebook), exercises=exercises)
    result = run(leave_out=left_out(notebook))
    missing = missing_names(result.cells)
    if missing and any(missing & names for names in _bound_by_demos(notebook)):
        return run(leave_out=magics(notebook))
    return result


def _bound_by_demos(notebook: Notebook) -> Iterator[set[str]]:
    """The names that each demo binds, of whose text the student may have made anything."""
    left = LONGEST_DEMOS
    for index in sorted(demos(notebook)):
        source = notebook.cells[index]["source"]
        left -= len(source)
        if left < 0:
            return
        with suppress(SyntaxError, RecursionError, MemoryError):  # as the parser says it is enough
            yield bound_names(source)


def _shortcoming(grade: TopicGrade) -> str:
    """What is wrong with a topic whose own solutions do not earn all there is."""
    for score in grade.scores:
        if score.points is not None and score.points < score.max_points:
            return (
                f"the course's own solution gets {score.points:g} of {score.max_points:g} points "
                f"for {score.cell} on this machine"
            )
    return ""


def account_of(notebook: Notebook, result: RunResult) -> dict[str, Any]:
    """What a run used and which limits it met, and how each of its cells ended.

    A cell is called what nbgrader calls it, if it does.
    """
    return {
        "ending": result.ending,
        "limit": result.limit,
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_seconds, 3),
        "memory_bytes": result.memory_bytes,
        "cells": [
            {
                "cell": _name(notebook, cell),
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


def _name(notebook: Notebook, cell: CellResult) -> str:
    nbgrader = notebook.cells[cell.index]["metadata"].get("nbgrader", {})
    return str(nbgrader.get("grade_id") or cell.id)
