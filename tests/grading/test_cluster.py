"""A real scheduler and real workers in other processes, with nothing shared but the network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes
from tests.processes import left_after

from onsite.errors import OnsiteError
from onsite.grading import cluster, cluster_worker
from onsite.grading.assignment import Assignment
from onsite.grading.cluster import DEPTH, ClusterWorkers
from onsite.grading.outcome import Grade
from onsite.grading.restore import master
from onsite.grading.result import Limits
from onsite.grading.submission import Submission
from onsite.grading.workers import LocalWorkers

LIMITS = Limits(seconds_per_cell=60, seconds=120)
SOLUTION = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"


def marked(source: str, name: str, **more: Any) -> Any:
    marks = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    return new_code_cell(source, id=name, metadata={"nbgrader": marks | {"grade_id": name} | more})


def notebook(answer: str) -> bytes:
    cells = [
        marked(answer, "double", solution=True),
        marked("assert double(2) == 4, 'two'", "check-1", grade=True, locked=True, points=1),
        marked("assert double(-3) == -6, 'three'", "check-2", grade=True, locked=True, points=2),
    ]
    return writes(new_notebook(cells=cells)).encode()


def assignment() -> bytes:
    source = notebook(SOLUTION)
    return Assignment("m", {"t": master(source)}, {"t": source}, (), "digest").to_bytes()


def submission(number: int, answer: str) -> bytes:
    return Submission(f"s{number}", "m", None, {"t": notebook(answer)}).to_bytes()


def answers(count: int, before: str = "pass") -> list[bytes]:
    """Right, partly right, wrong and broken ones; `before` comes first in each."""
    bodies = ["return 2 * x", "return abs(2 * x)", "return x", "return x x"]
    return [
        submission(n, f"{before}\ndef double(x):\n    {bodies[n % 4]}  # {n}") for n in range(count)
    ]


def points(grade: bytes) -> tuple[str, float, str]:
    found = Grade.from_bytes(grade)
    return found.student, sum(topic.points for topic in found.topics), found.problem


class Machines:
    """A scheduler, and workers that were started by Dask's own programs."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._file, self._stack, self._folder = folder / "scheduler.json", stack, folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            *("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        )
        deadline = time.monotonic() + 60
        self.address = ""
        while not self.address:
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)
            with suppress(FileNotFoundError, json.JSONDecodeError):  # it may be half written
                self.address = json.loads(self._file.read_text())["address"]

    def add_worker(self, *options: str, **environment: str) -> None:
        self.workers.append(
            self._start("dask_worker", "--nthreads", "1", "--no-dashboard", *options, **environment)
        )

    def _start(self, program: str, *options: str, **more: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", f"distributed.cli.{program}", *options),
                *("--scheduler-file", str(self._file)),
            ],
            # There is no course where a worker is.
            cwd=self._folder,
            env=os.environ
            | {"ONSITE_ROOT": "/nonexistent", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
            | more,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process


@contextmanager
def _machines(folder: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(folder, stack)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with _machines(tmp_path) as made:
        yield made


def workers(address: str, **more: Any) -> ClusterWorkers:
    return ClusterWorkers(address, assignment(), jobs=2, limits=LIMITS, **({"trust": True} | more))


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_grades_are_the_local_pools(machines: Machines) -> None:
    handed_in = answers(16, before="import time; time.sleep(0.2)")
    machines.add_worker("--no-nanny")
    machines.add_worker("--no-nanny")
    taken = 0

    def count() -> Iterator[bytes]:
        nonlocal taken
        for each in handed_in:
            taken += 1
            yield each

    results: list[bytes] = []
    with workers(machines.address) as dask:
        for result in dask.grade(count()):
            results.append(result)
            # As many are under way as two workers need, whatever the size of the class.
            assert taken - len(results) <= 2 * DEPTH
            if len(results) == 3:
                victim = psutil.Process(machines.workers[0].pid)
                family = victim.children(recursive=True)
                victim.kill()
                machines.workers[0].wait()
    with LocalWorkers(assignment(), jobs=1, limits=LIMITS, sandbox=None) as pool:
        expected = sorted(points(result) for result in pool.grade(handed_in))
    assert sorted(points(result) for result in results) == expected
    assert {each[1] for each in expected} == {0, 1, 3}
    # What the killed worker had started does not outlive it.
    assert not left_after(20, family)


@pytest.mark.slow
def test_what_takes_every_worker_down_is_not_graded_and_the_rest_is(machines: Machines) -> None:
    # Without a sandbox nothing keeps a submission from its worker, its warm process's parent.
    deadly = submission(
        99,
        "import os, psutil, signal\n"
        "warm = psutil.Process().parent()\n"
        "os.kill(warm.ppid(), signal.SIGKILL)",
    )
    for _ in range(2):
        machines.add_worker("--nanny")
    with workers(machines.address) as dask:
        grades = {points(each)[0]: points(each) for each in dask.grade(iter([deadly]))}
        assert "2 workers of the cluster died" in grades["s99"][2]
        # Their nannies have started new ones.
        assert [points(each)[1] for each in dask.grade(answers(2))] in ([3, 1], [1, 3])


@pytest.mark.slow
def test_a_worker_with_other_versions_is_one_sentence(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.add_worker("--no-nanny")
    mine = dict(cluster_worker.versions()) | {"pandas": "1.0", "onsite": "another"}
    monkeypatch.setattr(cluster, "versions", lambda: mine)
    with (
        workers(machines.address) as dask,
        pytest.raises(OnsiteError, match=r"onsite is \w+ there and another here, pandas is [\d.]+"),
    ):
        list(dask.grade(answers(1)))


@pytest.mark.slow
def test_a_worker_without_onsite_is_one_sentence(machines: Machines, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "onsite.py").write_text("raise ModuleNotFoundError('No module named onsite')")
    machines.add_worker("--no-nanny", PYTHONPATH=str(folder))
    with (
        workers(machines.address) as dask,
        pytest.raises(
            OnsiteError, match=r"The cluster cannot grade .*No module named onsite.*requirements"
        ),
    ):
        list(dask.grade(answers(1)))


@pytest.mark.slow
def test_workers_may_come_later(machines: Machines) -> None:
    said: list[str] = []

    def tell(sentence: str) -> None:
        if not said:
            machines.add_worker("--no-nanny")
        said.append(sentence)

    with workers(machines.address, tell=tell) as dask:
        assert [points(each) for each in dask.grade(answers(1))] == [("s0", 3, "")]
    assert "The cluster has no workers yet" in said[0]


@pytest.mark.slow
def test_a_scheduler_that_goes_is_one_sentence(machines: Machines) -> None:
    machines.add_worker("--no-nanny")
    with workers(machines.address) as dask, pytest.raises(OnsiteError, match="scheduler is lost"):
        for _ in dask.grade(answers(50, before="import time; time.sleep(0.2)")):
            machines.scheduler.send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_a_cluster_of_this_machine_in_the_sandbox(box: object) -> None:
    with workers("local", trust=False) as dask:
        found = sorted(points(each) for each in dask.grade(answers(4)))
    assert found == [("s0", 3, ""), ("s1", 1, ""), ("s2", 0, ""), ("s3", 0, "")]


def test_no_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(OnsiteError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1 "):
        workers("tcp://127.0.0.1:1")
    with pytest.raises(OnsiteError, match="There is no Dask scheduler at smoke://signals"):
        workers("smoke://signals")


def test_a_worker_keeps_one_grader_and_closes_it_when_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def warm() -> list[psutil.Process]:
        found = []
        for each in psutil.Process().children():
            with suppress(psutil.Error):  # it has ended meanwhile
                if "onsite.grading.zygote" in each.cmdline():
                    found.append(each)
        return found

    monkeypatch.setattr(cluster_worker, "IDLE_SECONDS", 2.0)
    before = set(warm())
    order = cluster_worker.Order(assignment(), LIMITS, True, cluster_worker.versions()).to_bytes()
    for each in answers(2):
        cluster_worker.grade(order, each)
        started = set(warm()) - before
        assert len(started) == 1
    wait_for(lambda: not set(warm()) & started)


def test_a_machine_where_the_solution_fails_is_named() -> None:
    source = notebook("def double(x):\n    ### BEGIN SOLUTION\n    return 0\n    ### END SOLUTION")
    broken = Assignment("m", {"t": master(source)}, {"t": source}, (), "digest").to_bytes()
    order = cluster_worker.Order(broken, LIMITS, True, cluster_worker.versions()).to_bytes()
    (topic,) = Grade.from_bytes(cluster_worker.grade(order, answers(1)[0])).topics
    assert topic.problem.startswith("the course's own solution gets 0 of 1 points for check-1 on")
    assert topic.problem.endswith(f" ({socket.gethostname()})")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
