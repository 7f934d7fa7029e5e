"""How proofs and grades look in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from onsite.grading.outcome import Grade
from onsite.grading.prove import ExerciseProof, TopicProof

YES, NO = Text("yes", style="green"), Text("NO", style="bold red")


def proof_parts(proofs: Sequence[TopicProof]) -> Iterator[RenderableType]:
    """One row per exercise under its topic, then what failed."""
    table = Table("exercise", box=None, pad_edge=False)
    for name in ("solution", "others", "stub", "wrong", "mutants killed", "order"):
        table.add_column(name, no_wrap=True)
    for proof in proofs:
        table.add_row(Text(proof.topic, style="bold"))
        for exercise in proof.exercises:
            table.add_row(
                f"  {exercise.exercise}",
                _mark(exercise.solution),
                _count(*exercise.alternatives),
                _mark(exercise.stub),
                _count(*exercise.wrong),
                _kills(exercise),
                _mark(exercise.order),
            )
    yield table
    for proof in proofs:
        for exercise in proof.exercises:
            for failure in exercise.failures:
                yield Text.assemble(
                    (f"{proof.topic}.md:{failure.line} ", "bold"),
                    (f"{exercise.exercise}, {failure.proof}: ", "red"),
                    failure.what,
                )
    good = sum(proof.proved for proof in proofs)
    yield Text(
        f"{good} of {len(proofs)} topic{'s' if len(proofs) != 1 else ''} proved",
        style="green" if good == len(proofs) else "bold red",
    )


def grade_parts(grades: Sequence[Grade]) -> Iterator[RenderableType]:
    """One row per notebook that was handed in or is missing, then what could not be graded."""
    table = Table("student", "topic", Column("points", justify="right"), "still to do")
    for grade in grades:
        for topic in sorted(grade.topics, key=lambda topic: topic.topic):
            points = f"{topic.points:g} of {topic.max_points:g}"
            table.add_row(
                grade.student,
                topic.topic,
                Text("not graded", style="bold red") if topic.problem else Text(points),
                "a person grades the written answer" if topic.needs_a_person else "",
            )
        for missing in grade.missing:
            table.add_row(grade.student, missing, Text("not handed in", style="yellow"), "")
        if grade.problem:
            table.add_row(grade.student, "", Text("not graded", style="bold red"), "")
    yield table
    for grade in grades:
        if grade.problem:
            yield Text.assemble((f"{grade.student}: ", "bold"), grade.problem)
        for topic in grade.topics:
            if topic.problem:
                yield Text.assemble((f"{grade.student}, {topic.topic}: ", "bold"), topic.problem)
    done = sum(grade.graded for grade in grades)
    yield Text(
        f"{done} of {len(grades)} submission{'s' if len(grades) != 1 else ''} graded",
        style="green" if done == len(grades) else "bold red",
    )


def _mark(good: bool) -> Text:
    return YES if good else NO


def _count(good: int, total: int) -> Text:
    return Text(f"{good}/{total}", style="green" if good == total else "bold red")


def _kills(exercise: ExerciseProof) -> Text:
    killed, total = exercise.mutants
    accepted = sum(bool(survivor.reason) for survivor in exercise.survivors)
    more = f" + {accepted} explained" if accepted else ""
    explained = killed + accepted == total
    return Text(
        f"{killed}/{total} {exercise.kill_rate:.0%}{more}",
        style="green" if explained else "bold red",
    )
