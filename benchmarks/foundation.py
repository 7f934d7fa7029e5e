"""Time what a user waits for, and one notebook in our runner beside nbclient and papermill.

Usage: .venv/bin/python benchmarks/foundation.py [--install] [--repeats N]

Prints Markdown tables: median and range in seconds. `--install` also makes an environment from
nothing in a temporary clone, with pip's cache empty.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import nbformat
import papermill
import psutil
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from onsite.course.build import build
from onsite.course.layout import Layout, find_layout
from onsite.course.model import Exercise, Topic
from onsite.course.reader import read_course
from onsite.grading.runner import Runner
from onsite.services import valkey

ROOT = find_layout().root
TRIVIAL = ["def add(a, b):\n    return a + b", "assert add(1, 2) == 3", "add(20, 22)"]


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of `repeats` calls."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def row(name: str, seconds: list[float]) -> str:
    """A line of the table."""
    low, high = min(seconds), max(seconds)
    return f"| {name} | {statistics.median(seconds):.3f} | {low:.3f} to {high:.3f} |"


def command(*arguments: str) -> Callable[[], object]:
    """A run of the command line that must succeed."""
    return lambda: subprocess.run(
        [ROOT / "onsite", *arguments], check=True, capture_output=True, cwd=ROOT
    )


def notebook() -> nbformat.NotebookNode:
    """Three trivial cells: what is left is the cost of running a notebook at all."""
    return new_notebook(
        cells=[new_code_cell(source) for source in TRIVIAL],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )


def by_papermill(folder: Path) -> None:
    """One trivial notebook by papermill."""
    source = folder / "in.ipynb"
    nbformat.write(notebook(), source)
    papermill.execute_notebook(str(source), str(folder / "out.ipynb"), progress_bar=False)


def copies(folder: Path, count: int) -> Layout:
    """A course of `count` topics as long as the longest topic there is."""
    layout = Layout(folder)
    longest = max(read_course(find_layout()).topics, key=lambda t: t.path.stat().st_size)
    text = longest.path.read_text(encoding="utf-8")
    topics = []
    for number in range(count):
        path = layout.notebooks / "01-copies" / f"copy-{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = text
        for exercise in longest.exercises:
            changed = changed.replace(f'"{exercise.id}"', f'"{exercise.id}-n{number}"')
        for question in longest.questions:
            changed = changed.replace(f"[{question}]", f"[{question}-n{number}]")
        path.write_text(changed, encoding="utf-8")
        questions = "".join(
            f"\n    - {{id: {q}-n{number}, ask: a, level: mid, difficulty: easy, "
            "frequency: common, points: [p]}"
            for q in longest.questions
        )
        topics.append(
            f"  - id: copy-{number}\n    title: Copy\n    minutes: 5\n    demo: d\n"
            f"    build: [b]\n    questions:{questions}\n"
        )
    layout.syllabus.write_text(
        "modules:\n- id: 01-copies\n  title: Copies\n  topics:\n" + "".join(topics),
        encoding="utf-8",
    )
    return layout


def check_seconds(topic: Topic, exercise: Exercise, repeats: int) -> list[float]:
    """Seconds of `%check` in a kernel that has run the topic's cells with the solution."""
    above = [
        cell.source
        for cell in topic.cells
        if cell.kind == "code"
        and cell.role in ("plain", "exercise")
        and cell.line <= exercise.checks[-1].cell.line
    ]
    sources = ["%load_ext onsite", *above, *[f"%check {exercise.id}"] * (repeats + 1)]
    document = new_notebook(
        cells=[new_code_cell(source) for source in sources], metadata=notebook().metadata
    )
    NotebookClient(document).execute()
    times = [cell.metadata["execution"] for cell in document.cells[-repeats:]]
    return [
        (
            datetime.fromisoformat(time["shell.execute_reply"])
            - datetime.fromisoformat(time["iopub.execute_input"])
        ).total_seconds()
        for time in times
    ]


def install(home: Path) -> None:
    """What a newcomer's first command does."""
    clone = home / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    path = os.pathsep.join(
        [str(Path(sys.base_prefix) / "bin"), *os.environ["PATH"].split(os.pathsep)[1:]]
    )
    env = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_"))}
    try:
        subprocess.run(
            [clone / "onsite", "coverage"],
            env={**env, "HOME": str(home), "PATH": path, "PIP_NO_CACHE_DIR": "1"},
            check=True,
            capture_output=True,
        )
    finally:
        shutil.rmtree(clone)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    some = options.repeats
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d')}, load before {os.getloadavg()[0]:.1f}\n"
    )
    print("| what | median, s | range, s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.install:
            print(
                row(
                    "first command of a fresh clone (pip, no cache)",
                    timed(lambda: install(folder), 1),
                )
            )
        print(row("`./onsite --help`", timed(command("--help"), some)))
        print(row("`./onsite coverage`", timed(command("coverage"), some)))
        print(row("`./onsite build`, nothing changed", timed(command("build"), some)))
        print(row("`./onsite build --check`", timed(command("build", "--check"), some)))
        layout = copies(folder, 71)
        course = read_course(layout)
        print(
            row(
                "building 71 copies of the longest topic",
                timed(lambda: build(layout, read_course(layout), course.topics), 1),
            )
        )
        print(
            row(
                "the same, nothing changed",
                timed(lambda: build(layout, read_course(layout), course.topics), 1),
            )
        )
        print(row("`postgres()`, first in a process", timed(start_postgres, some)))
        print(row("`valkey()`", timed(lambda: valkey().close(), some)))
        for topic in read_course(find_layout()).topics:
            exercise = topic.exercises[0]
            print(row(f"`%check {exercise.id}`", check_seconds(topic, exercise, some)))
        print(row("`./onsite run`", timed(command("run"), 1)))
        print(row("`./onsite prove`", timed(command("prove"), 1)))

        print("\n| three trivial cells by | median, s | range, s |\n|---|---|---|")
        content = nbformat.writes(notebook()).encode()
        with Runner() as runner:
            first = timed(lambda: runner.run(content), 1)
            ours = timed(lambda: runner.run(content), 10 * some)
        print(row("our runner, the first time (warming up)", first))
        print(row("our runner", ours))
        theirs = timed(lambda: NotebookClient(notebook()).execute(), some)
        print(row("nbclient", theirs))
        print(row("papermill", timed(lambda: by_papermill(folder), some)))
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"\nnbclient takes {ratio:.0f} times as long as our runner.")


def start_postgres() -> None:
    """The first server of a process, as a notebook has it."""
    code = "from onsite.services import postgres; postgres().connect().close()"
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
