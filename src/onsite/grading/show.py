"""How proofs and grades look in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from onsite.grading.prove import ExerciseProof, TopicProof

YES, NO = Text("yes", style="green"), Text("NO", style="bold red")


@contextmanager
def proof_progress(console: Console) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """A bar for each topic; call with its id, then with (trials ended, trials newly planned)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:

        def topic(name: str) -> Callable[[int, int], None]:
            task = progress.add_task(name, total=0)
            planned = 0

            def step(ended: int, more: int) -> None:
                nonlocal planned
                planned += more
                progress.update(task, total=planned, advance=ended)

            return step

        yield topic


def proof_table(proofs: Sequence[TopicProof]) -> Iterator[RenderableType]:
    """One row per exercise, then what failed and which survivors were accepted."""
    table = Table()
    for column in ("topic", "exercise", "solution", "others", "stub", "wrong"):
        table.add_column(column, no_wrap=True)
    table.add_column("mutants killed", justify="right", no_wrap=True)
    table.add_column("order")
    for proof in proofs:
        for exercise in proof.exercises:
            table.add_row(
                proof.topic,
                exercise.exercise,
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
