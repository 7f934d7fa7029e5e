"""Worker processes: results come whoever dies, and submissions that kill are found."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from tests.grading.test_grade import MODULE, course_with, solve
from tests.processes import left_after

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading import workers as module
from onsite.grading.assignment import assignment_bytes
from onsite.grading.grader import LIMITS
from onsite.grading.outcome import Grade
from onsite.grading.submission import Submission
from onsite.grading.workers import LocalWorkers, Workers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return course_with(tmp_path_factory.mktemp("workers") / "course", {})


@pytest.fixture(scope="module")
def solved(layout: Layout) -> bytes:
    notebook = nbformat.read(layout.release / MODULE / "adding.ipynb", as_version=4)
    solve(notebook)
    return nbformat.writes(notebook).encode()


@pytest.fixture
def workers(layout: Layout) -> Iterator[LocalWorkers]:
    order = assignment_bytes(layout, MODULE)
    with LocalWorkers(order, jobs=2, limits=LIMITS, sandbox=None) as workers:
        yield workers


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [each for each in found if "onsite.grading.worker" in " ".join(each.cmdline())]


def submissions(solved: bytes, number: int) -> Iterator[bytes]:
    for count in range(number):
        yield Submission(f"s{count}", MODULE, None, {"adding": solved}).to_bytes()


def test_nothing_to_do_starts_nothing(workers: Workers) -> None:
    assert list(workers.grade(iter(()))) == []
    assert not children()


def test_submissions_are_taken_when_there_is_somebody_to_grade_them(
    workers: Workers, solved: bytes
) -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for each in submissions(solved, 12):
            taken += 1
            yield each

    results = workers.grade(counted())
    first = Grade.from_bytes(next(results))
    assert first.topics[0].points == 5
    assert taken <= 2 * module.DEPTH + 1
    students = {first.student, *(Grade.from_bytes(each).student for each in results)}
    assert students == {f"s{count}" for count in range(12)}


def test_a_dead_worker_loses_nothing(workers: Workers, solved: bytes) -> None:
    results = workers.grade(submissions(solved, 8))
    grades = [Grade.from_bytes(next(results))]
    for child in children():
        child.kill()
    grades += map(Grade.from_bytes, results)
    assert {grade.student for grade in grades} == {f"s{count}" for count in range(8)}
    assert len(grades) == 8
    assert all(grade.topics[0].points == 5 for grade in grades)


def test_what_kills_its_worker_twice_is_given_up(
    layout: Layout, solved: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # a grader with a fault that one submission meets
    package = tmp_path / "faulty"
    package.mkdir()
    (package / "sitecustomize.py").write_text(
        "import onsite.grading.grader as grader, os\n"
        "usual = grader.Grader.grade\n"
        "def grade(self, submission):\n"
        "    if b'\"s1\"' in submission:\n"
        "        print('no more memory', flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return usual(self, submission)\n"
        "grader.Grader.grade = grade\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    order = assignment_bytes(layout, MODULE)
    with LocalWorkers(order, jobs=1, limits=LIMITS, sandbox=None) as workers:
        grades = [Grade.from_bytes(each) for each in workers.grade(submissions(solved, 4))]
    problems = {grade.student: grade.problem for grade in grades}
    assert problems.pop("s1") == "the process that graded it died 2 times: no more memory"
    assert problems == {"s0": "", "s2": "", "s3": ""}


def test_workers_that_cannot_start(
    workers: Workers, solved: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os; print('no seats', flush=True); os._exit(3)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(OnsiteError, match="The processes that grade do not start: no seats"):
        list(workers.grade(submissions(solved, 2)))


def test_workers_end_with_their_coordinator(solved: bytes, layout: Layout) -> None:
    coordinator = os.fork()
    if not coordinator:
        order = assignment_bytes(layout, MODULE)
        with LocalWorkers(order, jobs=2, limits=LIMITS, sandbox=None) as workers:
            next(workers.grade(submissions(solved, 50)))
            os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(coordinator, os.WUNTRACED)
    family = psutil.Process(coordinator).children(recursive=True)
    assert len(family) >= 2
    os.kill(coordinator, signal.SIGKILL)
    os.waitpid(coordinator, 0)
    assert not left_after(60, family)
