"""How proofs and grades look in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from onsite.errors import visible
from onsite.grading.summary import Line, counts

if TYPE_CHECKING:  # `grade` proves nothing, and should not wait for what does
    from onsite.grading.prove import ExerciseProof, TopicProof

YES, NO = Text("yes", style="green"), Text("NO", style="bold red")
#: Above so many submissions a table of them is of no use in a terminal.
LONGEST_TABLE = 50


#: What --trust means.
TRUST = (
    "submissions run as you, without a sandbox: each can read your files, the solutions and the "
    "hidden checks, change the gradebook, and use the network. Only for work that you trust."
)


class _Rate(ProgressColumn):
    """How many submissions a second, or how long one takes."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")


@contextmanager
def grading_progress(
    console: Console, module: str, total: int
) -> Iterator[tuple[Callable[[Line], None], Callable[[str], None]]]:
    """A bar with rate and time left: what is to be told each line, and each thing to wait for."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
    )
    task = bar.add_task(f"grading {module}", total=total)
    left = total

    def line(said: Line) -> None:
        nonlocal left
        if said.status == "already graded":  # no work, so it says nothing about the time left
            left -= 1
            bar.update(task, total=left)
        else:
            bar.advance(task)

    with bar:
        yield line, lambda sentence: bar.print(sentence, markup=False, highlight=False)


def grade_json(lines: Sequence[Line]) -> dict[str, Any]:
    """The summary as plain data."""
    suspicious = sum(line.suspicious for line in lines)
    totals = [*counts(lines).items(), ("suspicious", suspicious)]
    return {"counts": dict(totals), "submissions": [line.to_json() for line in lines]}


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


def grade_parts(lines: Sequence[Line], look: str) -> Iterator[RenderableType]:
    """Points by notebook unless there are very many, what was not graded, and how many were.

    Args:
        lines: one for each submission.
        look: the command that shows one student's run, with ID for the student.
    """
    if len(lines) <= LONGEST_TABLE:
        yield _points(lines)
    missed = [line for line in lines if line.status == "not graded"]
    if missed:
        yield Text("\nNot graded, which is no zero:", style="bold")
    for line in missed[:LONGEST_TABLE]:
        for reason in line.reasons:
            yield Text.assemble((f"{line.student}: ", "bold"), visible(reason))
    if len(missed) > LONGEST_TABLE:
        yield Text(f"... and {len(missed) - LONGEST_TABLE} more; --json has them all.")
    suspects = [line for line in lines if line.suspicious]
    if suspects:
        yield Text(
            "\nSuspicious, for a person to judge; points count only what was proved:", style="bold"
        )
    for line in suspects[:LONGEST_TABLE]:
        yield from _evidence(line)
    if len(suspects) > LONGEST_TABLE:
        yield Text(f"... and {len(suspects) - LONGEST_TABLE} more; --json has them all.")
    yield ""
    yield _totals(lines)
    yield Text(f"To look at one student's run: {look}")


def _evidence(line: Line) -> Iterator[Text]:
    for topic in line.topics:
        for each in topic.suspicions:
            where = f"{line.student}, {topic.topic}, cell {each.cell}: "
            yield Text.assemble((where, "bold"), visible(f"{each.kind}: {each.evidence}"))


def _points(lines: Sequence[Line]) -> Table:
    table = Table("student", "topic", Column("points", justify="right"), "remarks", box=None)
    table.pad_edge = False
    for line in lines:
        student = Text(line.student)  # in a str, rich would obey what is in brackets
        already = "graded already" if line.status == "already graded" else ""
        for topic in sorted(line.topics, key=lambda topic: topic.topic):
            todo = "a person grades the written answer" if topic.needs_a_person else ""
            table.add_row(
                student,
                topic.topic,
                Text("not graded", style="bold red")
                if topic.problem
                else Text(f"{topic.points:g} of {topic.max_points:g}"),
                "; ".join(filter(None, (already, todo))),
            )
        for missing in line.missing:
            table.add_row(student, missing, Text("0"), Text("not handed in", style="yellow"))
        if line.problem:
            table.add_row(student, "", Text("not graded", style="bold red"), "")
    return table


def _totals(lines: Sequence[Line]) -> Table:
    table = Table("submissions", Column(justify="right"), box=None, pad_edge=False)
    styles = {"graded": "green", "already graded": "", "not graded": "bold red"}
    for status, count in counts(lines).items():
        style = styles[status] if count else "dim"
        table.add_row(Text(status, style=style), Text(str(count), style=style))
    if suspects := sum(line.suspicious for line in lines):
        table.add_row(Text("suspicious", style="yellow"), Text(str(suspects), style="yellow"))
    return table


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
