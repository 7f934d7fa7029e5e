"""The five proofs that make an exercise trustworthy.

Each proof runs variants of the topic: its plain cells, the solutions of its other exercises, one
text for the exercise in question, and that exercise's checks, in the order of the file. Demos,
answers and the checks of other exercises are left out: no check may depend on them.

    solution       the solution and every alternative earn full points
    stub           what a student starts from runs, and earns nothing on any check
    wrong answers  each loses points, and a failed check says what the author promised
    mutants        each small mistake made by machine is noticed, or its survival is explained
    order          the checks give the same under another seed, and in the opposite order
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self

from onsite.course.compiler import stub
from onsite.course.model import Cell, Check, Exercise, Survivor, Topic
from onsite.files import write_atomically
from onsite.grading.mutants import Mutant, mutants
from onsite.grading.preload import used_by
from onsite.grading.referee.instrument import bound_by
from onsite.grading.referee.judge import Role
from onsite.grading.result import CellResult, Limits, RunResult
from onsite.grading.runner import Runner
from onsite.grading.servers import fetch_programs, shared_servers

Proof = Literal["solution", "stub", "wrong answers", "mutants", "order"]

WORKERS = 2
LIMITS = Limits(seconds_per_cell=60, seconds=180)
#: The seeds of a normal run and of the run that looks for flakiness.
SEED, OTHER_SEED = 0, 20_261_120
#: The cell id of the text under proof in a variant.
_SUBJECT = "subject"
#: Errors of a check's own code whose text `%check` shows.
_SHOWN = ("TypeError", "AttributeError", "NameError", "UnboundLocalError")


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not proved, and where: `line` is in the topic's file."""

    proof: Proof
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Survived:
    """A mutant that no check noticed, and why that is accepted ("" when it is not)."""

    line: int
    diff: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExerciseProof:
    """What was proved of one exercise: for each proof, how many trials held and how many ran."""

    exercise: str
    solution: bool
    alternatives: tuple[int, int]
    stub: bool
    wrong: tuple[int, int]
    mutants: tuple[int, int]
    order: bool
    survivors: tuple[Survived, ...]
    failures: tuple[Failure, ...]

    @property
    def proved(self) -> bool:
        """Nothing failed."""
        return not self.failures

    @property
    def kill_rate(self) -> float:
        """The share of mutants that a check noticed, accepted survivors counting as missed."""
        killed, total = self.mutants
        return killed / total if total else 1.0


@dataclass(frozen=True, slots=True)
class TopicProof:
    """What was proved of one topic."""

    topic: str
    module: str
    exercises: tuple[ExerciseProof, ...]

    @property
    def proved(self) -> bool:
        """Every exercise is proved."""
        return all(exercise.proved for exercise in self.exercises)

    def report(self) -> dict[str, Any]:
        """The proof as plain data for a JSON file."""
        return {
            "topic": self.topic,
            "module": self.module,
            "proved": self.proved,
            "exercises": [
                asdict(e) | {"proved": e.proved, "kill_rate": round(e.kill_rate, 4)}
                for e in self.exercises
            ],
        }


# --- variants ---------------------------------------------------------------------------------


def variant(
    topic: Topic, exercise: Exercise, text: str, *, checks: Sequence[Check] | None = None
) -> bytes:
    """A notebook in which `text` stands for the exercise's solution.

    `checks` may give the exercise's checks in another order. Cells below the last check are left
    out, since no check depends on them.
    """
    checks = exercise.checks if checks is None else checks
    in_order = iter(checks)
    own = {id(check.cell) for check in exercise.checks}
    last = max(position for position, cell in enumerate(topic.cells) if id(cell) in own)
    cells = []
    for position, cell in enumerate(topic.cells[: last + 1]):
        if id(cell) in own:
            check = next(in_order)
            cells.append(_code(check.id, check.cell.source))
        elif cell is exercise.solution:
            cells.append(_code(_SUBJECT, text))
        elif cell.kind == "code" and cell.role in ("plain", "exercise"):
            cells.append(_code(f"line-{cell.line}-{position}", cell.source))
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    return json.dumps(notebook).encode()


def roles(topic: Topic, notebook: bytes) -> dict[int, Role]:
    """Which cells of a variant are the instructor's, by place."""
    checks = {check.id for exercise in topic.exercises for check in exercise.checks}
    ids = [cell["id"] for cell in json.loads(notebook)["cells"]]
    own = {f"line-{exercise.solution.line}-" for exercise in topic.exercises} | {_SUBJECT}
    return {
        place: "check" if cell_id in checks else "instructor"
        for place, cell_id in enumerate(ids)
        if not cell_id.startswith(tuple(own))
    }


def exercise_names(topic: Topic) -> frozenset[str]:
    """The names that the exercises of a topic ask for."""
    return frozenset().union(*(bound_by(each.solution.source) for each in topic.exercises))


def _code(cell_id: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


# --- running ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant that was run."""

    exercise: Exercise
    result: RunResult

    @property
    def checks(self) -> list[CellResult]:
        """The exercise's checks that had a place in the run, in the order in which they ran."""
        ids = {check.id for check in self.exercise.checks}
        return [cell for cell in self.result.cells if cell.id in ids]

    @property
    def failed(self) -> list[CellResult]:
        """The checks that did not pass."""
        return [cell for cell in self.checks if cell.status != "ok"]

    @property
    def setup_failures(self) -> list[CellResult]:
        """The cells that failed although they are neither a check nor the text under proof."""
        ids = {check.id for check in self.exercise.checks} | {_SUBJECT}
        return [c for c in self.result.cells if c.status != "ok" and c.id not in ids]


class Laboratory:
    """Where trials run: a few at a time, under the usual seed or the other one."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        seed: int = SEED,
        optional: Iterable[str] = (),
    ) -> None:
        self._usual, self._other = (
            Runner(
                limits=LIMITS,
                environment=environment,
                seed=each,
                hash_seed=each,
                optional=optional,
            )
            for each in (seed, OTHER_SEED)
        )
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="prove")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # In this order, so that Ctrl-C need not wait for the trials under way.
        self._usual.close()
        self._other.close()
        self._pool.shutdown(cancel_futures=True)

    def try_out(
        self,
        topic: Topic,
        exercise: Exercise,
        text: str,
        *,
        checks: Sequence[Check] | None = None,
        other_seed: bool = False,
    ) -> Future[Trial]:
        """Run a variant to its end."""
        runner = self._other if other_seed else self._usual
        notebook = variant(topic, exercise, text, checks=checks)
        return self._pool.submit(
            lambda: Trial(
                exercise,
                runner.run(notebook, roles=roles(topic, notebook), exercises=exercise_names(topic)),
            )
        )

    def try_to_kill(
        self, topic: Topic, exercise: Exercise, text: str, limits: Limits
    ) -> Future[Trial]:
        """Run a variant until its first failing cell."""
        ids = {check.id for check in exercise.checks}

        def stop(cell: CellResult) -> bool:
            return cell.id in ids and cell.status != "ok"

        notebook = variant(topic, exercise, text)
        return self._pool.submit(
            lambda: Trial(
                exercise,
                self._usual.run(notebook, limits=limits, stop=stop, roles=roles(topic, notebook)),
            )
        )


@contextmanager
def laboratory(topics: Sequence[Topic], seed: int = SEED) -> Iterator[Laboratory]:
    """A laboratory with the servers that the topics share; `seed` is its usual one."""
    services = {service for topic in topics for service in topic.services}
    fetch_programs(services)
    optional = used_by(cell.source for topic in topics for cell in topic.cells)
    with shared_servers(services) as environment, Laboratory(environment, seed, optional) as lab:
        yield lab


# --- the proofs -------------------------------------------------------------------------------


def prove_topic(
    topic: Topic, lab: Laboratory, progress: Callable[[int, int], None] = lambda done, more: None
) -> TopicProof:
    """Prove every exercise of a topic.

    `progress` is called with the number of trials that have ended, and of those newly planned.
    """
    return TopicProof(
        topic.id,
        topic.module,
        tuple(prove_exercise(topic, exercise, lab, progress) for exercise in topic.exercises),
    )


def prove_exercise(
    topic: Topic, exercise: Exercise, lab: Laboratory, progress: Callable[[int, int], None]
) -> ExerciseProof:
    """Prove one exercise. When its solution does not hold, its mutants are not tried."""

    def run(text: str, **how: Any) -> Future[Trial]:
        progress(0, 1)
        trial = lab.try_out(topic, exercise, text, **how)
        trial.add_done_callback(lambda _: progress(1, 0))
        return trial

    text = exercise.solution.source
    solution = run(text)
    alternatives = [run(alternative.cell.source) for alternative in exercise.alternatives]
    student = run(stub(text))
    wrong = [run(answer.cell.source) for answer in exercise.wrong]
    again = run(text, other_seed=True)
    reverse = run(text, checks=exercise.checks[::-1], other_seed=True)

    at_solution = full_points(exercise.solution, "the solution", solution.result())
    by_alternative = [
        full_points(alternative.cell, f"the alternative {alternative.idea!r}", trial.result())
        for alternative, trial in zip(exercise.alternatives, alternatives, strict=True)
    ]
    at_stub = _no_points(exercise, student.result())
    by_wrong = [
        refused(answer.cell, answer.idea, answer.expect, trial.result())
        for answer, trial in zip(exercise.wrong, wrong, strict=True)
    ]
    at_order = [
        *_steady(exercise, "under another seed", again.result()),
        *_steady(exercise, "in the opposite order", reverse.result()),
    ]
    survivors: tuple[Survived, ...] = ()
    tried: list[Mutant] = []
    at_mutants: list[Failure] = []
    if not at_solution:
        tried = list(mutants(text))
        limits = _mutant_limits(solution.result().result)
        survivors = _survivors(topic, exercise, tried, lab, limits, progress)
        at_mutants = _unexplained(topic, exercise, survivors)
    return ExerciseProof(
        exercise.id,
        solution=not at_solution,
        alternatives=(by_alternative.count([]), len(by_alternative)),
        stub=not at_stub,
        wrong=(by_wrong.count([]), len(by_wrong)),
        mutants=(len(tried) - len(survivors), len(tried)),
        order=not at_order,
        survivors=survivors,
        failures=(
            *at_solution,
            *chain.from_iterable(by_alternative),
            *at_stub,
            *chain.from_iterable(by_wrong),
            *at_mutants,
            *at_order,
        ),
    )


def _suspected(proof: Proof, cell: Cell, name: str, trial: Trial) -> list[Failure]:
    """Honest work must not look like tampering."""
    return [
        Failure(proof, cell.line, f"{name} looks like tampering: {suspicion.evidence}")
        for suspicion in trial.result.suspicions
    ]


def full_points(cell: Cell, name: str, trial: Trial) -> list[Failure]:
    """What keeps a right answer from full points."""
    return _suspected("solution", cell, name, trial) + [
        Failure("solution", cell.line, f"{name} fails at {_say(bad)}")
        for bad in trial.result.cells
        if bad.status != "ok"
    ]


def _no_points(exercise: Exercise, trial: Trial) -> list[Failure]:
    line = exercise.solution.line
    subject = trial.result[_SUBJECT]
    failures = [
        Failure("stub", line, f"the cell that a student starts from fails: {_say(bad)}")
        for bad in (*trial.setup_failures, *([subject] if subject.status != "ok" else []))
    ]
    lines = {check.id: check.cell.line for check in exercise.checks}
    failures += [
        Failure("stub", lines[check.id], f"the untouched stub passes {check.id}")
        for check in trial.checks
        if check.status == "ok"
    ]
    return failures


def refused(cell: Cell, idea: str, expect: str, trial: Trial) -> list[Failure]:
    """What keeps a wrong answer from being refused with the message that its author promised."""
    if trial.setup_failures:
        return [
            Failure("wrong answers", cell.line, f"{idea!r}: {_say(bad)} failed, which is no check")
            for bad in trial.setup_failures
        ]
    if not trial.failed:
        return [Failure("wrong answers", cell.line, f"{idea!r} earns full points")]
    if any(expect in _shown(check) for check in trial.failed):
        return _suspected("wrong answers", cell, repr(idea), trial)
    said = "; ".join(_say(check) for check in trial.failed)
    return [
        Failure(
            "wrong answers",
            cell.line,
            f"{idea!r}: no message that a student sees contains {expect!r}: {said}",
        )
    ]


def _shown(check: CellResult) -> str:
    """What `%check` shows of an error: study/checking.py says why it is not always the text.

    An error that neither the check's author nor the student wrote may speak of hidden values.
    """
    if check.status != "error" or check.error_name == "AssertionError":
        return check.error_message
    in_students_code = len(check.traceback) > 1  # its first line is the error itself
    if in_students_code or check.error_name in _SHOWN:
        return f"{check.error_name}: {check.error_message}"
    return check.error_name


def _steady(exercise: Exercise, how: str, trial: Trial) -> list[Failure]:
    return [
        Failure("order", exercise.solution.line, f"{how}, the solution fails at {_say(bad)}")
        for bad in trial.result.cells
        if bad.status != "ok"
    ]


def _mutant_limits(of_solution: RunResult) -> Limits:
    """Ten times what the solution took, and two seconds: beyond that it hangs."""
    slowest = max((cell.seconds for cell in of_solution.cells), default=0.0)
    return replace(
        LIMITS,
        seconds_per_cell=10 * slowest + 2,
        seconds=10 * of_solution.seconds + 2,
    )


def _survivors(
    topic: Topic,
    exercise: Exercise,
    tried: Sequence[Mutant],
    lab: Laboratory,
    limits: Limits,
    progress: Callable[[int, int], None],
) -> tuple[Survived, ...]:
    progress(0, len(tried))
    trials = [lab.try_to_kill(topic, exercise, mutant.source, limits) for mutant in tried]
    for trial in trials:
        trial.add_done_callback(lambda _: progress(1, 0))
    return tuple(
        Survived(
            exercise.solution.line + mutant.line - 1,
            mutant.diff,
            next((s.reason for s in _accepted(topic, exercise) if s.change in mutant.diff), ""),
        )
        for mutant, trial in zip(tried, trials, strict=True)
        if not trial.result().failed
    )


def _unexplained(topic: Topic, exercise: Exercise, survivors: Sequence[Survived]) -> list[Failure]:
    failures = [
        Failure("mutants", survivor.line, f"no check notices  {survivor.diff}")
        for survivor in survivors
        if not survivor.reason
    ]
    failures += [
        Failure(
            "mutants",
            exercise.solution.line,
            f"the accepted survivor {accepted.change!r} matches no mutant that survived",
        )
        for accepted in _accepted(topic, exercise)
        if not any(accepted.change in survivor.diff for survivor in survivors)
    ]
    return failures


def _accepted(topic: Topic, exercise: Exercise) -> list[Survivor]:
    return [survivor for survivor in topic.survivors if survivor.exercise == exercise.id]


def _say(cell: CellResult) -> str:
    name = "the cell itself" if cell.id == _SUBJECT else cell.id
    if cell.status == "error":
        message = cell.error_message.strip()
        return f"{name}: {cell.error_name}{f': {message}' if message else ''}"
    return f"{name}: {cell.error_message}"


# --- the report -------------------------------------------------------------------------------


def write_report(folder: Path, proof: TopicProof) -> Path:
    """Write TOPIC.json below `folder`."""
    target = folder / f"{proof.topic}.json"
    text = json.dumps(proof.report(), indent=2, ensure_ascii=False)
    write_atomically(target, f"{text}\n".encode())
    return target
