"""The command line: parses, calls, prints.

Each command imports what it needs when it runs, so that `onsite --help` is instant.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from onsite.errors import OnsiteError, visible

app = typer.Typer(
    name="onsite",
    help="A notebook course for the senior Python backend interview, graded by proved checks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()
errors = Console(stderr=True)


def progress() -> Progress:
    """A progress bar on standard error, for work that can take over two seconds."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )


def _print_json(data: object) -> None:
    """JSON on standard output; rich would colour it, which takes longer than making it."""
    typer.echo(json.dumps(data, indent=2))


# --- course ---------------------------------------------------------------------------------

Topics = Annotated[
    list[str] | None, typer.Argument(metavar="[TOPIC ...]", help="Topics or modules; all if none.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def build(
    modules: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODULE ...]", help="Modules or topics; all if none."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if anything would change.")
    ] = False,
) -> None:
    """Make source/ and release/ from notebooks/."""
    from onsite.course import build as course_build
    from onsite.course.layout import find_layout
    from onsite.course.reader import read_course, select_topics

    layout = find_layout()
    course = read_course(layout)
    topics = select_topics(course, modules or [])
    if check:
        with console.status("comparing notebooks/ with source/ and release/"):
            differences = course_build.drift(layout, course, topics)
        for difference in differences:
            errors.print(difference, markup=False, highlight=False, soft_wrap=True)
        if differences:
            errors.print("Run ./onsite build and commit what it changes.")
            raise typer.Exit(1)
        console.print(f"source/ and release/ are up to date ({len(topics)} topics).")
        return
    with progress() as bar:
        task = bar.add_task("building", total=len(topics))
        report = course_build.build(layout, course, topics, lambda topic: bar.advance(task))
    for topic in report.built:
        console.print(f"[green]built[/] {topic}", highlight=False, soft_wrap=True)
    for path in report.removed:
        console.print(f"[yellow]removed[/] {escape(path)}", highlight=False, soft_wrap=True)
    console.print(f"{len(report.built)} built, {len(report.unchanged)} unchanged.")


@app.command()
def run(
    topics: Topics = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Topics at once; by processors and memory if left out."),
    ] = None,
) -> None:
    """Execute topics with their solutions by papermill; the results are kept in build/run/."""
    from onsite.course import execute
    from onsite.course.layout import find_layout
    from onsite.course.reader import read_course, select_topics

    layout = find_layout()
    chosen = select_topics(read_course(layout), topics or [])
    runs: list[execute.TopicRun] = []
    with progress() as bar:
        task = bar.add_task("executing", total=len(chosen))
        for result in execute.run_topics(layout, chosen, jobs or execute.default_jobs()):
            runs.append(result)
            bar.advance(task)
    table = Table(
        "topic", "seconds", "cells", "slowest cell", "outputs", "result", box=None, pad_edge=False
    )
    for result in sorted(runs, key=lambda each: each.topic):
        table.add_row(
            result.topic,
            f"{result.seconds:.1f}",
            str(result.cells),
            f"#{result.slowest_cell}: {result.slowest_seconds:.1f} s",
            f"{result.output_bytes / 1000:.0f} kB",
            "[red]failed[/]" if result.failure else "[green]ok[/]",
        )
    console.print(table)
    execute.write_timings(layout, runs)
    failed = [result for result in runs if result.failure]
    for result in failed:
        if result.failure:
            errors.rule(Text(f"{result.topic}, cell {result.failure.cell}"))
            for text in (result.failure.source, result.failure.traceback, result.failure.error):
                errors.print(text, markup=False, highlight=False, soft_wrap=True)
            where = f"As far as it came: {result.notebook}"
            errors.print(where, markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def coverage(as_json: Json = False) -> None:
    """List the syllabus: every question, its topic, its exercises, and what is missing."""
    from dataclasses import asdict

    from onsite.course.coverage import coverage as cover
    from onsite.course.layout import find_layout
    from onsite.course.reader import read_course

    course = read_course(find_layout())
    rows = list(cover(course))
    if as_json:
        _print_json([asdict(row) for row in rows])
        return
    table = Table("topic", "question", "exercises", "points", "missing", box=None, pad_edge=False)
    module = topic = ""
    for row in rows:
        if row.module != module:
            table.add_section()
            table.add_row(f"[bold]{row.module}[/]")
        new = (row.module, row.topic) != (module, topic)
        table.add_row(
            f"  {row.topic}" if new else "",
            row.question,
            "\n".join(row.exercises) if new else "",
            str(row.points) if new and row.points else "",
            f"[yellow]{row.missing}[/]" if row.missing else "[green]nothing[/]",
        )
        module, topic = row.module, row.topic
    console.print(table)
    done = sum(not row.missing for row in rows)
    planned = sum(len(each.topics) for each in course.modules)
    console.print(
        f"{done} of {len(rows)} questions, {len(course.topics)} of {planned} topics are there."
    )


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the test suite; arguments go to pytest."""
    import subprocess

    from onsite.course.layout import find_layout

    root = find_layout().root
    command = [sys.executable, "-m", "pytest", *context.args]
    raise typer.Exit(subprocess.run(command, cwd=root, check=False).returncode)


# --- grading --------------------------------------------------------------------------------


@app.command()
def prove(topics: Topics = None, as_json: Json = False) -> None:
    """Prove that each exercise takes right answers and refuses wrong ones."""
    from onsite.course.layout import find_layout
    from onsite.course.reader import read_course, select_topics
    from onsite.grading import prove as proving
    from onsite.grading.show import proof_parts

    layout = find_layout()
    chosen = select_topics(read_course(layout), topics or [])
    proofs = []
    with progress() as bar, proving.laboratory(chosen) as lab:
        for topic in chosen:
            task = bar.add_task(f"proving {topic.id}", total=0)
            planned = 0

            def step(ended: int, more: int) -> None:
                nonlocal planned
                planned += more
                bar.update(task, total=planned, advance=ended)  # noqa: B023 - used in this round only

            proofs.append(proving.prove_topic(topic, lab, step))
            proving.write_report(layout.build / "prove", proofs[-1])
    if as_json:
        _print_json([proof.report() for proof in proofs])
    else:
        for part in proof_parts(proofs):
            console.print(part)
    if not all(proof.proved for proof in proofs):
        raise typer.Exit(1)


@app.command()
def grade(
    module: Annotated[str, typer.Argument(metavar="MODULE", help="The module to grade.")],
    student: Annotated[
        str | None, typer.Option(metavar="ID", help="Grade this student only.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Submissions at once; by processors if left out.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler's address, or local to start one."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also grade what is graded already.")
    ] = False,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Run submissions without a sandbox, with all your rights."),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --student: keep the run, to look at.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grade what is in submitted/ into autograded/, feedback/ and the gradebook.

    What is graded already is skipped: the same command goes on after whatever ended it.

    To look at one student's run: ./onsite grade MODULE --student ID --keep

    Exit codes: 0 all is graded, 1 something is not graded, 2 grading stopped, 130 Ctrl-C.
    """
    from onsite.course.layout import find_layout
    from onsite.grading import show
    from onsite.grading.cluster import ClusterWorkers
    from onsite.grading.grade import find_students, grade_module
    from onsite.grading.grader import LIMITS
    from onsite.grading.kept import keep as keep_run
    from onsite.grading.outcome import Grade
    from onsite.grading.recorder import Report
    from onsite.grading.sandbox import find
    from onsite.grading.submission import Submission
    from onsite.grading.workers import LocalWorkers, Workers, processors

    if keep and student is None:
        raise OnsiteError("--keep keeps one student's run; name the student by --student ID.")
    layout = find_layout()
    students = find_students(layout, module, student)
    if trust:
        errors.print(f"[bold yellow]--trust:[/] {show.TRUST}", highlight=False)
    at_once = min(jobs or processors(), len(students))

    def workers(assignment: bytes) -> Workers:
        if cluster is not None:  # its workers make sandboxes where they are
            return ClusterWorkers(
                cluster, assignment, jobs=at_once, limits=LIMITS, trust=trust, tell=wait
            )
        sandbox = None if trust else find()
        return LocalWorkers(assignment, jobs=at_once, limits=LIMITS, sandbox=sandbox)

    kept: list[Path] = []

    def keep_it(submission: Submission, grade: Grade) -> None:
        if keep:
            kept.append(keep_run(layout, submission, grade))

    with show.grading_progress(errors, module, len(students)) as (line, wait):
        try:
            lines = grade_module(
                layout,
                module,
                students,
                workers,
                again=force or keep,
                report=Report(line, keep_it, wait),
            )
        except KeyboardInterrupt:
            wait(f"Stopped. What is graded is safe; ./onsite grade {module} goes on from here.")
            raise typer.Exit(130) from None
    if as_json:
        _print_json(show.grade_json(lines))
    else:
        for part in show.grade_parts(lines, f"./onsite grade {module} --student ID --keep"):
            console.print(part)
    for folder in kept:
        errors.print(f"The run is kept in {folder}", highlight=False, soft_wrap=True)
    if keep and not kept:
        errors.print("No run is kept, because there was none: the hand-in cannot be read.")
    if any(line.status == "not graded" for line in lines):
        raise typer.Exit(1)


# --- study ----------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Start JupyterLab on the start page; further options go to JupyterLab."""
    from onsite.course.layout import find_layout
    from onsite.study.lab import start
    from onsite.study.workspace import sync

    layout = find_layout()
    report = sync(layout)
    if report.copied:
        console.print(f"work/ has {len(report.copied)} new files of the course.")
    for place in report.updated:
        console.print(f"work/{place} was brought up to date.", highlight=False)
    for place in report.beside:
        console.print(f"There is a newer version of a topic: work/{place}", highlight=False)
    start(layout, port, not no_browser, context.args, lambda line: print(line, flush=True))


@app.command()
def submit(
    module: Annotated[
        str, typer.Argument(metavar="MODULE", help="The module to hand in, as in work/.")
    ],
    student: Annotated[
        str | None, typer.Option(help="Hand in under this name; your user name if left out.")
    ] = None,
) -> None:
    """Hand in your work/MODULE: it is graded with the full checks, and you get feedback."""
    from onsite.course.layout import find_layout
    from onsite.study import submit as submitting
    from onsite.study.score_table import score_table

    layout = find_layout()
    from onsite.grading.sandbox import find

    name = submitting.student_name(student)
    try:
        sandbox = find()
    except OnsiteError:  # it is the learner's own work, so it may do without
        sandbox = None
    handed_in = submitting.hand_in(layout, module, name)
    for note in handed_in.notes:
        errors.print(f"[yellow]note:[/] {note}", highlight=False, soft_wrap=True)
    with errors.status(f"grading {module}"):
        scores, pages = submitting.grade(layout, module, name, sandbox)
    console.print(score_table(scores))
    for page in pages:
        console.print(f"Feedback: {page}", highlight=False, soft_wrap=True)


# --- services -------------------------------------------------------------------------------

services_app = typer.Typer(help="The servers that run for you, in any notebook or process.")
app.add_typer(services_app, name="services")


@services_app.callback(invoke_without_command=True)
def services(context: typer.Context) -> None:
    """Show the servers that run for you (the same as `onsite services status`)."""
    if context.invoked_subcommand is None:
        services_status()


@services_app.command("status")
def services_status() -> None:
    """Show what runs, where, which version, and who owns it."""
    from onsite.services.running import overrides, running
    from onsite.services.table import servers_table

    for variable, address in overrides().items():
        console.print(f"{variable}: your own server at {address}", highlight=False, soft_wrap=True)
    servers = running()
    console.print(servers_table(servers) if servers else "No server runs.")


@services_app.command("stop")
def services_stop() -> None:
    """Stop every server that runs for you and delete its data, whoever owns it."""
    from onsite.services.running import running, stop

    stopped = stop(running())
    for one in stopped:
        console.print(f"stopped {one.service} {one.version} at {one.address}", highlight=False)
    if not stopped:
        console.print("No server runs.")


@services_app.command("add")
def services_add(
    name: Annotated[str, typer.Argument(help="a service, such as memcached or rabbitmq")],
) -> None:
    """Fetch a service's program from Debian or Ubuntu into the course's cache, without root.

    Services written in Python are fetched with pip into the course's own environment.
    """
    from onsite.services import debian
    from onsite.services.packages import package_of, ways

    package = package_of(name)
    if not package.debian:
        pip = [sys.executable, "-m", "pip", "install", *package.pip.split()]
        if subprocess.run(pip).returncode:
            raise OnsiteError(f"{name} was not added: pip failed. People add it by {ways(name)}.")
        return
    try:
        tree = debian.fetch(package.debian)
    except OnsiteError as error:
        raise OnsiteError(
            f"{name} was not added: {error} People add it by {ways(name)}."
        ) from error
    console.print(f"{name}: {tree.origin} ({tree.root.parent})", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; a mendable error is one sentence and exit code 2."""
    try:
        app()
    except OnsiteError as error:
        said = escape(visible(str(error)))
        errors.print(f"[bold red]onsite:[/] {said}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
