"""Grades hostile submissions among honest ones, and looks at what came of it.

Usage: python -m tests.hostile.watch GRADER SECONDS ATTACK... < the built course as tar

GRADER is `onsite` or `stock`. Runs inside the arena, or on a machine that may be lost. Prints a
`Verdict` as JSON: everything that was done to anybody, measured, nothing taken on trust from the
grader except its own report of suspicions.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from tests.hostile.arena import REPO
from tests.hostile.bait import Canaries
from tests.hostile.corpus import Attack, attacks
from tests.hostile.course import (
    FULL,
    MODULE,
    SECRETS,
    TOPIC,
    Places,
    hand_in,
    hand_in_honestly,
    secrets_in,
    shown,
)
from tests.hostile.traces import files_left, live_in, processes_left

from onsite.course.layout import Layout
from onsite.grading.child import PR_SET_CHILD_SUBREAPER, prctl

#: An honest student comes before, after, and behind every so many hostile ones.
STRIDE = 8
PLAIN_CONFIG = """\
c = get_config()
c.CourseDirectory.root = {root!r}
c.ExecutePreprocessor.timeout = 30
c.Execute.timeout = 30
"""
COMMANDS = {
    "onsite": ("-m", "tests.hostile.ours"),
    "stock": ("-m", "nbgrader", "autograde", MODULE, "--course-dir"),
}


@dataclass
class Student:
    """What came of one submission: `points` is None where there is no grade."""

    points: float | None = None
    problem: str = ""
    suspicions: list[Any] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """What came of one batch; `left` and `disturbed` are sentences."""

    students: dict[str, Student]
    left: list[str]
    disturbed: list[str]
    log: str


def main(grader: str, seconds: float, wanted: list[str]) -> None:
    """Do it and print the verdict."""
    # Whatever outlives the grader becomes this process's child, however it hides.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    batch = [attack for attack in attacks() if attack.id in wanted]
    # Nobody removes it, however deep it may get by then: it goes with the arena.
    folder = tempfile.mkdtemp(prefix="course-of-")
    course, home = Path(folder, "course"), Path(folder, "home")
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        archive.extractall(course, filter="data")
    with Canaries(home) as canaries:
        places = Places(course, home, canaries.port, canaries.socket)
        verdict = judge(grader, seconds, batch, places)
    json.dump(dataclasses.asdict(verdict), sys.stdout)


def judge(grader: str, seconds: float, batch: list[Attack], places: Places) -> Verdict:
    """Hand in, grade, look."""
    layout = Layout(places.course)
    honest = _hand_in_all(layout, batch, places)
    if grader == "stock":
        (places.course / "nbgrader_config.py").write_text(
            PLAIN_CONFIG.format(root=str(places.course)), encoding="utf-8"
        )
    else:
        shutil.copy(REPO / "nbgrader_config.py", places.course)
    with Gradebook(f"sqlite:///{layout.gradebook}") as book:
        book.update_or_create_student("zoe", last_name=SECRETS["gradebook"])
    before = _fingerprints(layout)
    log, report, ended = _grade(grader, seconds, places)
    time.sleep(0.5)  # what means to come later
    left = [*processes_left(), *files_left(places)]
    disturbed = [ended] if ended else []
    disturbed += [f"{path} was changed" for path in _changed(before, _fingerprints(layout))]
    students = {name: Student() for name in [*honest, *(attack.id for attack in batch)]}
    for name, student in students.items():
        _look_at(layout, name, student, report.get(name, {}))
        if report:
            pages = sorted((layout.feedback / name).rglob("*.html"))
            if _graded(report.get(name)) and not pages and executed(layout, name):
                disturbed.append(f"{name} was graded and has no feedback")
            disturbed += [f"{page} runs {what}" for page in pages for what in live_in(page)]
    for name, points in _points(layout, disturbed):
        done = _graded(report.get(name)) if report else executed(layout, name)
        if name in students and done:
            students[name].points = points
    for name, student in students.items():
        if name in honest and student.points != FULL:
            disturbed.append(f"{name}, who is honest, got {student.points}: {student.problem}")
        if name in honest and student.suspicions:
            disturbed.append(f"{name}, who is honest, was suspected: {student.suspicions}")
    return Verdict(students, left, disturbed, log[-8000:])


def _hand_in_all(layout: Layout, batch: list[Attack], places: Places) -> list[str]:
    """Hostile ones between honest ones, also in the order of their names; the honest ones."""
    honest = ["a-first", "z-last"]
    for number, attack in enumerate(batch):
        hand_in(layout, attack, places)
        if number % STRIDE == STRIDE - 1:
            honest.append(f"{attack.id}.next")
    for student in honest:
        hand_in_honestly(layout, student)
    return honest


def _grade(
    grader: str, seconds: float, places: Places
) -> tuple[str, dict[str, dict[str, Any]], str]:
    """Run the grader: what it printed, its report by student, and why it did not end well."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "HOME": str(places.home),
        "ONSITE_ROOT": str(places.course),
        "GRADER_PASSWORD": SECRETS["environment"],
        "LANG": "C.UTF-8",
    }
    if "ONSITE_RUNTIME" in os.environ:
        environment["ONSITE_RUNTIME"] = os.environ["ONSITE_RUNTIME"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[grader], str(places.course)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            cwd=places.course,
            start_new_session=True,
        )
        ended = ""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            ended = f"the grader did not end within {seconds:g} s"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(64 << 20).decode(errors="replace"))
    if grader == "stock":
        return texts[1], {}, ended
    try:
        report = {line["student"]: line for line in json.loads(texts[0])["submissions"]}
    except (ValueError, LookupError, TypeError):
        report = {}
        ended = ended or f"the grader ended by {process.returncode} without a report"
    return texts[1], report, ended


# --- what came of it --------------------------------------------------------------------------


def _look_at(layout: Layout, name: str, student: Student, report: dict[str, Any]) -> None:
    """What the grader says of a student, and what of the secrets reaches that student."""
    topics = report.get("topics", [])
    student.problem = "; ".join(
        filter(None, [report.get("problem", ""), *(topic["problem"] for topic in topics)])
    )
    student.suspicions = report.get("suspicions", [])
    texts = [json.dumps(report)]
    executed = layout.autograded / name / MODULE / f"{TOPIC}.ipynb"
    if executed.is_file():
        texts.append(shown(executed.read_bytes()))
    if report:  # stock's feedback shows the hidden tests to everybody, as it is
        pages = (layout.feedback / name).rglob("*.html")
        texts += [page.read_text(encoding="utf-8", errors="replace") for page in pages]
    student.read = sorted({secret for text in texts for secret in secrets_in(text)})


def _graded(line: dict[str, Any] | None) -> bool:
    """Whether our own grader says that a submission has its grade."""
    return line is not None and line["status"] != "not graded"


def executed(layout: Layout, name: str) -> bool:
    """Whether there is a graded notebook; stock nbgrader tells by this that it has finished."""
    return (layout.autograded / name / MODULE / f"{TOPIC}.ipynb").is_file()


def _points(layout: Layout, disturbed: list[str]) -> Iterator[tuple[str, float]]:
    """What the gradebook has, for everybody who is in it."""
    try:
        with Gradebook(f"sqlite:///{layout.gradebook}") as book:
            for submission in book.assignment_submissions(MODULE):
                grades = [grade for each in submission.notebooks for grade in each.grades]
                yield submission.student.id, float(sum(grade.auto_score or 0 for grade in grades))
    except Exception as error:  # whatever an attack has made of the file
        disturbed.append(f"the gradebook cannot be read: {error}")


def _fingerprints(layout: Layout) -> dict[str, str]:
    """What no grading may change."""
    folders = (layout.source, layout.release, layout.submitted, layout.notebooks)
    found = {}
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        status = path.lstat()
        found[str(path.relative_to(layout.root))] = f"{status.st_size} {status.st_mtime_ns}"
    return {name: text for name, text in found.items() if "." in name}


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
