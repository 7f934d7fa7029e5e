"""Grade the same submissions by nbgrader, by otter-grader and by `./onsite grade`.

Usage: .venv/bin/python benchmarks/grading [--full] [--only PART...] [--topics NAME...]

Prints Markdown tables. Without --full it is a small version of everything, for a try (minutes);
with it, what docs/performance.md shows (about an hour, on a machine that does nothing else).

A submission's seconds are those of a further submission, (T(n) - T(1)) / (n - 1), so that nobody
is charged for starting up; what the whole commands took is beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from material import Assignment, lay_out, small, student, topic
from rivals import Otter, nbgrader, otter_environment, ours, prepare_nbgrader, scores

from onsite.grading.assignment import assignment_bytes
from onsite.grading.grader import Grader
from onsite.grading.preload import used_by
from onsite.grading.restore import magics, master, read_submission, restore
from onsite.grading.sandbox import find
from onsite.grading.servers import shared_servers
from onsite.grading.submission import Submission

PARTS = ("compare", "floor", "workers", "scale", "cluster")


@dataclass(frozen=True)
class Sizes:
    """How many submissions of a kind of module each part takes, and how often it is repeated."""

    nbgrader: int
    otter: int
    ours: int
    floor: int
    repeats: int


SMALL = {False: Sizes(6, 2, 60, 40, 1), True: Sizes(40, 8, 1000, 300, 3)}
TOPIC = {False: Sizes(2, 1, 10, 6, 1), True: Sizes(12, 4, 200, 40, 3)}
SCALE = {False: (100, 300), True: (100, 300, 1000, 3000, 10_000)}
WORKERS = {False: 100, True: 1000}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for a while."""
    with tempfile.TemporaryDirectory(prefix="onsite-bench-") as name:
        yield Path(name)


def load() -> str:
    """How busy the machine is, for the reader to judge the figures."""
    return f"load {os.getloadavg()[0]:.1f}"


# --- side by side ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timed:
    """A command's seconds for one submission and for `count` more, and what they scored."""

    count: int
    first: float
    rest: float
    points: Mapping[str, float]
    coordinator: float = 0.0
    """Processor seconds that each further submission costs the process which hands them out."""

    @property
    def each(self) -> float:
        """Seconds of a further submission."""
        if self.rest <= self.first:
            sys.exit(
                f"One submission took {self.first:.1f} s and {self.count} took {self.rest:.1f} s: "
                "this machine is too busy to measure on, or the class too small (--full)."
            )
        return (self.rest - self.first) / (self.count - 1)


def time_ours(assignment: Assignment, count: int, *options: str) -> Timed:
    """`./onsite grade` of one submission, then of `count` others."""
    with folder() as place:
        layout = lay_out(place / "course", assignment, count + 1)
        first = ours(layout, assignment, "--student", student(0), *options)
        rest = ours(layout, assignment, *options)
        found = scores(layout.root, assignment.module)
        processor = (rest.processor - first.processor) / (count - 1)
        return Timed(count, first.seconds, rest.seconds, found, processor)


def time_nbgrader(assignment: Assignment, count: int) -> Timed:
    """The same with `nbgrader autograde`."""
    with folder() as place:
        layout = lay_out(place / "course", assignment, count + 1)
        prepare_nbgrader(layout, assignment)
        first = nbgrader(layout, assignment, "--student", student(0))
        rest = nbgrader(layout, assignment)
        found = scores(layout.root, assignment.module)
        return Timed(count, first.seconds, rest.seconds, found)


def time_otter(assignment: Assignment, count: int) -> tuple[list[float], dict[str, float]]:
    """Seconds of each `otter run`, and the scores."""
    environment = otter_environment()
    with folder() as place:
        otter = Otter(environment, assignment, place / "otter")
        results = [otter.grade(number) for number in range(count)]
    points = {student(number): score for number, (_, score) in enumerate(results)}
    return [took.seconds for took, _ in results], points


def compare(name: str, assignment: Assignment, size: Sizes) -> None:
    """One table: three graders, one class."""
    print(f"\n### {name}\n\n{load()} before\n")
    by_us = [time_ours(assignment, size.ours) for _ in range(size.repeats)]
    by_nbgrader = [time_nbgrader(assignment, size.nbgrader) for _ in range(size.repeats)]
    by_otter, otter_points = time_otter(assignment, size.otter)
    our_each = statistics.median(run.each for run in by_us)
    print("| grader | submissions | whole command, s | one more submission, s | times ours |")
    print("|---|---|---|---|---|")
    for who, runs in (("onsite", by_us), ("nbgrader", by_nbgrader)):
        each = statistics.median(run.each for run in runs)
        whole = statistics.median(run.rest for run in runs)
        ratio = f"{each / our_each:.0f}"
        print(f"| {who} | {runs[0].count} | {whole:.1f} | {each:.4f} | {ratio} |")
    each = statistics.median(by_otter)
    ratio = f"{each / our_each:.0f}"
    print(f"| otter run | {size.otter} | {sum(by_otter):.1f} | {each:.4f} | {ratio} |")
    print()
    _compare_scores("nbgrader", by_nbgrader[0].points, by_us[0].points)
    _compare_scores("otter", otter_points, by_us[0].points)
    print(f"\n{load()} after", flush=True)


def _compare_scores(who: str, theirs: Mapping[str, float], mine: Mapping[str, float]) -> None:
    both = sorted(theirs.keys() & mine.keys())
    different = [name for name in both if theirs[name] != mine[name]]
    print(f"- scores as {who}'s: {len(both) - len(different)} of {len(both)}", end="")
    print("".join(f"; {name}: {who} {theirs[name]:g}, onsite {mine[name]:g}" for name in different))


# --- what it costs above the least that it can cost ---------------------------------------------


def floor(name: str, assignment: Assignment, count: int) -> None:
    """One row: fork and bare exec of the same cells, and one Grader in the sandbox."""
    original = master(nbformat.writes(assignment.source).encode())
    cells = [_sources(assignment.submission(number), original) for number in range(count)]
    with folder() as place, shared_servers(_services(assignment)) as environment:
        layout = lay_out(place / "course", assignment, 1)
        optional = used_by(source for sources in cells for source in sources)
        answer = subprocess.run(
            [sys.executable, Path(__file__).parent / "floor.py"],
            input=json.dumps({"optional": optional, "submissions": [cells[0], *cells]}),
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        least = [seconds for seconds, _ in json.loads(answer.stdout)[1:]]
        took = []
        with Grader(assignment_bytes(layout, assignment.module), sandbox=find()) as grader:
            for number in (0, *range(count)):
                data = assignment.submission(number)
                given = Submission(
                    student(number), assignment.module, None, {assignment.topic: data}
                )
                given_bytes = given.to_bytes()
                started = time.perf_counter()
                grader.grade(given_bytes)
                took.append(time.perf_counter() - started)
    ours_each = statistics.median(took[1:])
    least_each = statistics.median(least)
    over = statistics.median(mine - bare for mine, bare in zip(took[1:], least, strict=True))
    print(
        f"| {name} | {count} | {1000 * least_each:.1f} | {1000 * ours_each:.1f} "
        f"| {1000 * over:.1f} |",
        flush=True,
    )


def _sources(submission: bytes, original: nbformat.NotebookNode) -> list[str]:
    """The cells that are run of a submission, without what needs IPython."""
    notebook = restore(read_submission(submission), original)
    skipped = magics(notebook)
    return [
        cell["source"]
        for index, cell in enumerate(notebook.cells)
        if cell["cell_type"] == "code"
        and index not in skipped
        and "%load_ext" not in cell["source"]
    ]


def _services(assignment: Assignment) -> tuple[str, ...]:
    text = nbformat.writes(assignment.source)
    return ("postgres",) if "postgres()" in text else ()


# --- more workers, more submissions -------------------------------------------------------------


def workers(count: int, repeats: int) -> None:
    """One worker beside two; and one that has one processor only, with the coordinator.

    A worker with more prepares its next run while one goes on, and so uses a part of the second.
    """
    every = sorted(os.sched_getaffinity(0))
    print(f"\n### Workers\n\n{load()} before\n")
    print("| workers | processors | submissions | one more submission, s |\n|---|---|---|---|")
    each = {}
    for jobs, processors in ((1, 1), (1, 2), (2, 2)):
        os.sched_setaffinity(0, every[:processors])
        runs = [time_ours(small(), count, "--jobs", str(jobs)).each for _ in range(repeats)]
        each[jobs, processors] = statistics.median(runs)
        print(f"| {jobs} | {processors} | {count} | {each[jobs, processors]:.4f} |", flush=True)
    os.sched_setaffinity(0, every)
    print(
        f"\nTwo workers are {each[1, 1] / each[2, 2]:.2f} times as fast as one with one processor, "
        f"{each[1, 2] / each[2, 2]:.2f} times as fast as one with two; {load()} after",
        flush=True,
    )


def scale(sizes: tuple[int, ...]) -> None:
    """From small classes to large ones: seconds and peak memory."""
    print(f"\n### From {sizes[0]:,} to {sizes[-1]:,} submissions\n\n{load()} before\n")
    print("| submissions | s | ms each | coordinator, MB | worker, MB | warm process, MB |")
    print("|---|---|---|---|---|---|")
    for count in sizes:
        with folder() as place:
            layout = lay_out(place / "course", small(), count)
            ran = ours(layout, small())
        memory = [
            f"{ran.peaks.get(kind, 0) / 1e6:.0f}" for kind in ("coordinator", "worker", "zygote")
        ]
        print(
            f"| {count:,} | {ran.seconds:.1f} | {1000 * ran.seconds / count:.1f} "
            f"| {' | '.join(memory)} |",
            flush=True,
        )
    print(f"\n{load()} after", flush=True)


def cluster(count: int) -> None:
    """A Dask cluster beside the local pool, and what follows for a very large class.

    With `--cluster local` the scheduler is in the coordinator, so that its processor time is more
    than a coordinator has with a scheduler elsewhere.
    """
    print(f"\n### Cluster\n\n{load()} before\n")
    pool = time_ours(small(), count, "--jobs", "2")
    dask = time_ours(small(), count, "--jobs", "2", "--cluster", "local")
    same = sum(dask.points[name] == pool.points[name] for name in pool.points)
    print("| workers | submissions | one more submission, s | of it the coordinator, s |")
    print("|---|---|---|---|")
    for name, ran in (("two local processes", pool), ("two Dask workers", dask)):
        print(f"| {name} | {count} | {ran.each:.4f} | {ran.coordinator:.4f} |")
    print(f"\nThe same scores: {same} of {len(pool.points)}; {load()} after\n")
    grader = 2 * dask.each
    print("| workers | 100,000 submissions, hours |\n|---|---|")
    for count in (2, 16, 64, 256):
        each = max(grader / count, dask.coordinator)
        print(f"| {count} | {100_000 * each / 3600:.2f} |")
    print(
        f"\n100,000 x max(c / W, k) with c = {grader:.4f} s and k = {dask.coordinator:.4f} s; "
        f"more than {grader / dask.coordinator:.0f} workers gain nothing.",
        flush=True,
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="what docs/performance.md shows")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--topics", nargs="*", default=["gil", "n-plus-one"])
    options = parser.parse_args()
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d')}, {load()} before",
        flush=True,
    )
    # Without demos all three do the same work; with them there is what people would see, since
    # nbgrader and otter run them and we need not.
    modules = {"a small assignment": (small(), SMALL[options.full])}
    for name in options.topics:
        modules[f"{name}, without demos"] = (topic(name, demos=False), TOPIC[options.full])
        modules[f"{name}, as it is handed out"] = (topic(name, demos=True), TOPIC[options.full])
    if "compare" in options.only:
        for name, (assignment, size) in modules.items():
            compare(name, assignment, size)
    if "floor" in options.only:
        print(f"\n### Above the floor\n\n{load()} before\n")
        print("| module | submissions | fork and exec, ms | one Grader, ms | difference, ms |")
        print("|---|---|---|---|---|")
        for name, (assignment, size) in modules.items():
            if "handed out" not in name:
                floor(name, assignment, size.floor)
        print(f"\n{load()} after")
    if "workers" in options.only:
        workers(WORKERS[options.full], 3 if options.full else 1)
    if "cluster" in options.only:
        cluster(WORKERS[options.full])
    if "scale" in options.only:
        scale(SCALE[options.full])


if __name__ == "__main__":
    main()
