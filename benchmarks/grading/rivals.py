"""The same submissions graded by nbgrader, by otter-grader and by us: seconds and scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from material import Assignment, student
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from onsite.course.layout import Layout, find_layout
from onsite.grading.restore import master, read_submission, restore

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ran:
    """What a command took: seconds, its own processor time, and memory.

    `processor` is in seconds, without the processes that it started. `peaks` is the largest memory
    (bytes) of a process of each kind.
    """

    seconds: float
    processor: float
    peaks: Mapping[str, int]


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> Ran:
    """Run a command to its end, watching its processes' memory.

    Raises:
        RuntimeError: it failed.
    """
    log = folder / "command.log"
    peaks: dict[str, int] = {}
    processor = 0.0
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | variables, stdout=output, stderr=output
        )
        while True:
            try:
                process.wait(0.25)
                break
            except subprocess.TimeoutExpired:
                processor = _look(process.pid, peaks) or processor
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}: {log.read_text()[-3000:]}")
    return Ran(seconds, processor, peaks)


def _look(pid: int, peaks: dict[str, int]) -> float:
    """Note the peak memory of a process and of those it started; its processor time so far."""
    try:
        top = psutil.Process(pid)
        times = top.cpu_times()
        family = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in family:
        try:
            words = " ".join(process.cmdline())
            kind = "coordinator" if process == top else _kind(words)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except (OSError, psutil.Error):
            continue
        for line in status.splitlines():
            if kind and line.startswith("VmHWM:"):
                peaks[kind] = max(peaks.get(kind, 0), int(line.split()[1]) * 1024)
    return times.user + times.system


def _kind(words: str) -> str:
    for name in ("worker", "zygote"):
        if "onsite.grading" in words and f".{name}" in words and "bwrap" not in words.split()[0]:
            return name
    return ""


def scores(root: Path, module: str) -> dict[str, float]:
    """The points in a gradebook by student."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
            return {
                submission.student.id: submission.score
                for submission in book.assignment_submissions(module)
            }


# --- ours ------------------------------------------------------------------------------------


def ours(layout: Layout, assignment: Assignment, *options: str) -> Ran:
    """`./onsite grade` of everything that was handed in."""
    words = [sys.executable, "-m", "onsite", "grade", assignment.module, "--json", *options]
    return run(words, layout.root, ONSITE_ROOT=str(layout.root))


# --- nbgrader --------------------------------------------------------------------------------


def prepare_nbgrader(layout: Layout, assignment: Assignment) -> None:
    """What an instructor does once: the assignment into the gradebook; not timed."""
    config = layout.root / "nbgrader_config.py"
    config.write_text("c = get_config()\nc.CourseDirectory.root = '.'\n", encoding="utf-8")
    _nbgrader(layout, "generate_assignment", assignment.module, "--force")


def nbgrader(layout: Layout, assignment: Assignment, *options: str) -> Ran:
    """`nbgrader autograde` with its own configuration."""
    return _nbgrader(layout, "autograde", assignment.module, *options)


def _nbgrader(layout: Layout, *words: str) -> Ran:
    # nbgrader calls `alembic` by name
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return run([sys.executable, "-m", "nbgrader", *words], layout.root, PATH=path)


# --- otter-grader ------------------------------------------------------------------------------


def otter_environment() -> Path:
    """A virtual environment with otter-grader, made from otter.txt where there is none.

    What the course's notebooks import comes from our own environment, behind otter's packages.
    """
    place = find_layout().build / "otter"
    pins = HERE / "otter.txt"
    stamp = place / "otter.txt"
    if not stamp.is_file() or stamp.read_bytes() != pins.read_bytes():
        venv.create(place, clear=True, with_pip=True)
        subprocess.run(
            [place / "bin/python", "-m", "pip", "install", "-q", "--require-hashes", "-r", pins],
            check=True,
        )
        own = next(place.glob("lib/python*/site-packages"))
        ours = [Path(nbformat.__file__).parents[1], HERE.parents[1] / "src"]
        (own / "zz-onsite.pth").write_text("\n".join(map(str, ours)) + "\n", encoding="utf-8")
        stamp.write_bytes(pins.read_bytes())
    return place


class Otter:
    """The otter version of an assignment: its checks as otter's test files, in autograder.zip."""

    def __init__(self, environment: Path, assignment: Assignment, folder: Path) -> None:
        self._program = environment / "bin/otter"
        self._original = master(nbformat.writes(assignment.source).encode())
        self._assignment = assignment
        self._folder = folder
        tests = folder / "tests"
        tests.mkdir(parents=True)
        for cell in _checks(assignment.source):
            marks = cell.metadata.nbgrader
            text = _otter_test(marks["grade_id"], marks["points"], cell.source)
            (tests / f"{_name(marks['grade_id'])}.py").write_text(text, encoding="utf-8")
        self._archive = folder / "autograder.zip"
        generate = [self._program, "generate", "-t", "tests", "-o", self._archive]
        run([*generate, "--no-environment", "--no-requirements"], folder)

    def grade(self, number: int) -> tuple[Ran, float]:
        """`otter run` on one submission, and its score."""
        place = self._folder / student(number)
        place.mkdir()
        submission = place / f"{self._assignment.topic}.ipynb"
        nbformat.write(self._notebook(self._assignment.submission(number)), submission)
        took = run(
            [self._program, "run", "--no-logo", "-a", self._archive, "-o", place, submission], place
        )
        results = json.loads((place / "results.json").read_text(encoding="utf-8"))
        return took, sum(test.get("score", 0.0) for test in results["tests"])

    def _notebook(self, submission: bytes) -> NotebookNode:
        """A submission whose checks are named where they were, which is how otter has them."""
        restored = restore(read_submission(submission), self._original).to_bytes()
        notebook: NotebookNode = nbformat.reads(restored.decode(), as_version=4)
        kept: list[NotebookNode] = []
        for cell in notebook.cells:
            marks = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and marks.get("grade"):
                tests = kept[-1].metadata.setdefault("otter", {}).setdefault("tests", [])
                tests.append(_name(marks["grade_id"]))
            elif cell.metadata.get("onsite", {}).get("role") != "magic":
                kept.append(cell)
        notebook.cells = kept
        return notebook


def _checks(notebook: NotebookNode) -> list[NotebookNode]:
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
    ]


def _name(grade_id: str) -> str:
    return grade_id.replace("-", "_")


def _otter_test(grade_id: str, points: float, source: str) -> str:
    """A test file of otter's: the check runs in the notebook's names, as nbgrader runs it."""
    return (
        "from otter.test_files import test_case\n\n"
        f"OK_FORMAT = False\nname = {_name(grade_id)!r}\npoints = {points}\n\n"
        "@test_case(hidden=True)\n"
        "def check(env):\n"
        f"    exec(compile({source!r}, {grade_id!r}, 'exec'), env)\n"
    )
