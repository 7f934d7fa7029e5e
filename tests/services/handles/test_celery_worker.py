"""Celery: a worker of an app of the notebook or of a module, killed, drained and inspected."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from celery.exceptions import TimeoutError as NoResult
from tests.services.owners import is_alive, wait_until

from onsite.errors import OnsiteError
from onsite.services import CeleryWorker, Valkey, celery_worker, valkey

# As cells of a notebook have it: names of `__main__`, used by each other.
CELLS = """
import os, time
FACTOR = 3
def helper(x):
    return x * FACTOR
@app.task
def triple(x):
    return helper(x)
@app.task
def chain_of_two(x):
    return triple.delay(x).id
@app.task(bind=True, autoretry_for=(ValueError,), max_retries=3, retry_backoff=False,
          default_retry_delay=0)
def flaky(self):
    if self.request.retries < 2:
        raise ValueError("not yet")
    return self.request.retries
@app.task(acks_late=True)
def hold(path, seconds):
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(seconds)
    return "done"
@app.task
def hold_early(path, seconds):
    return hold(path, seconds)
"""


@pytest.fixture
def kv() -> Iterator[Valkey]:
    with valkey() as handle:
        yield handle


@pytest.fixture
def notebook(kv: Valkey) -> dict[str, Any]:
    app = Celery("shop", broker=kv.url, backend=kv.url)
    # unacknowledged tasks come back after a second, not after an hour
    app.conf.broker_transport_options = {"visibility_timeout": 1, "unacked_restore_limit": 1}
    names = {"__name__": "__main__", "app": app}
    exec(CELLS, names)  # noqa: S102
    return names


@pytest.fixture
def worker(notebook: dict[str, Any]) -> Iterator[CeleryWorker]:
    with celery_worker(notebook["app"]) as handle:
        yield handle


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@pytest.mark.slow
def test_tasks_of_a_notebook_run_in_another_process(
    worker: CeleryWorker, notebook: dict[str, Any], tmp_path: Path
) -> None:
    assert notebook["triple"].delay(4).get(timeout=20) == 12
    assert notebook["flaky"].delay().get(timeout=20) == 2, "what @app.task was given counts there"
    other = notebook["chain_of_two"].delay(5).get(timeout=20)
    assert notebook["app"].AsyncResult(other).get(timeout=20) == 15, "tasks know each other"
    note = tmp_path / "note"
    assert notebook["hold"].delay(str(note), 0).get(timeout=20) == "done"
    (pid,) = lines(note)
    assert int(pid) not in {psutil.Process().pid, None}
    assert worker.version in repr(worker)
    assert worker.state == "running"


@pytest.mark.slow
def test_a_cell_that_is_run_again_counts(kv: Valkey) -> None:
    # Celery by itself would give the second app the task of the first
    for factor in (3, 5):
        names = {"__name__": "__main__", "app": Celery("again", broker=kv.url, backend=kv.url)}
        exec(f"@app.task\ndef times(x): return x * {factor}", names)  # noqa: S102
        with celery_worker(names["app"], pool="solo"):
            assert names["times"].delay(2).get(timeout=20) == 2 * factor  # type: ignore[attr-defined]


@pytest.mark.slow
def test_inspecting_the_worker_and_the_queues(
    worker: CeleryWorker, notebook: dict[str, Any], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    notebook["hold"].delay(str(note), 60)
    waiting = [notebook["triple"].delay(n) for n in range(10)]
    later = notebook["triple"].apply_async([1], countdown=60)
    wait_until(lambda: bool(lines(note)), "the task has begun")
    (active,) = worker.active()
    assert active["name"] == "shop.hold"
    assert str(active["worker_pid"]) == lines(note)[0]
    # it takes four tasks for each process of its pool ahead, and leaves the others in the queue
    reserved = worker.reserved()
    assert {one["name"] for one in reserved} == {"shop.triple"}
    taken = len(worker.active()) + len(reserved) + len(worker.scheduled())
    assert worker.queues() == {"celery": 1 + len(waiting) + 1 - taken}
    assert later.id not in {one["id"] for one in reserved}


@pytest.mark.slow
def test_a_task_acknowledged_late_survives_the_kill_of_its_worker(
    worker: CeleryWorker, notebook: dict[str, Any], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    result = notebook["hold"].delay(str(note), 3)
    wait_until(lambda: bool(lines(note)), "the task has begun")
    worker.kill()
    assert worker.state == "stopped"
    wait_until(lambda: not is_alive(int(lines(note)[0])), "the process of its pool is gone, too")
    with pytest.raises(NoResult):
        result.get(timeout=0.5)
    with celery_worker(notebook["app"]) as other:
        assert result.get(timeout=30) == "done"
        assert len(lines(note)) >= 2, "it was begun twice"
        assert other.name != worker.name


@pytest.mark.slow
def test_a_task_acknowledged_early_is_lost_with_its_worker(
    worker: CeleryWorker, notebook: dict[str, Any], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    lost = notebook["hold_early"].delay(str(note), 60)
    wait_until(lambda: bool(lines(note)), "the task has begun")
    worker.kill()
    # Not before: the worker could have taken it ahead, and would have lost it for an hour.
    after = notebook["triple"].delay(2)
    worker.start()
    assert worker.state == "running"
    assert after.get(timeout=30) == 6
    assert lost.status == "PENDING"
    assert len(lines(note)) == 1
    assert worker.active() == []


@pytest.mark.slow
def test_draining_ends_the_running_task_and_takes_no_other(
    worker: CeleryWorker, notebook: dict[str, Any], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    result = notebook["hold"].delay(str(note), 1)
    wait_until(lambda: bool(lines(note)), "the task has begun")
    worker.drain()
    assert worker.state == "exited with code 0"
    assert result.get(timeout=5) == "done"
    waiting = notebook["triple"].delay(1)
    assert worker.queues() == {"celery": 1}
    assert worker.active() == []
    worker.start()
    assert waiting.get(timeout=20) == 3


@pytest.mark.slow
def test_an_app_in_a_module(kv: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_of_a_test.py").write_text(
        "from celery import Celery\n"
        f"app = Celery('module', broker={kv.url!r}, backend={kv.url!r})\n"
        "app.conf.task_routes = {'slow.*': 'slow'}\n"
        "@app.task(name='slow.double')\n"
        "def double(x): return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with celery_worker("shop_of_a_test:app", queues=["slow"], pool="solo") as worker:
        from shop_of_a_test import app, double  # type: ignore[import-not-found]

        try:
            assert double.delay(4).get(timeout=20) == 8
            (active,) = app.control.inspect([worker.name]).active_queues().values()
            assert [queue["name"] for queue in active] == ["slow"]
        finally:
            del sys.modules["shop_of_a_test"]


@pytest.mark.slow
def test_closed(notebook: dict[str, Any]) -> None:
    worker = celery_worker(notebook["app"], pool="solo")
    worker.close()
    worker.close()
    uses = (worker.active, worker.queues, worker.kill, worker.drain, lambda: worker.url)
    for use in uses:
        with pytest.raises(OnsiteError, match=r"closed; call celery_worker\(\) for a new one"):
            use()


def test_an_app_without_a_broker() -> None:
    with pytest.raises(OnsiteError, match=r"no broker; make it with .*broker=kv.url"):
        celery_worker(Celery("shop"))


def test_an_app_without_tasks(kv: Valkey) -> None:
    with pytest.raises(OnsiteError, match="no tasks yet"):
        celery_worker(Celery("shop", broker=kv.url))


def test_an_app_that_is_not_there() -> None:
    for address in ("no_such_module:app", "json:no_such_app"):
        with pytest.raises(OnsiteError, match=f"no Celery app at '{address}'"):
            celery_worker(address)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ("kv", "task shop.uses_it uses a Valkey handle.*the handle's url"),
        ("lock", "task shop.uses_it uses something that cannot leave .*lock.*make it inside"),
    ],
)
def test_a_task_that_cannot_be_sent(kv: Valkey, thing: str, message: str) -> None:
    names = {"__name__": "__main__", "kv": kv, "lock": threading.Lock()}
    names["app"] = app = Celery("shop", broker=kv.url)
    exec(f"@app.task\ndef uses_it(): return {thing}\n", names)  # noqa: S102
    with pytest.raises(OnsiteError, match=message):
        celery_worker(app)


@pytest.mark.slow
def test_a_worker_that_cannot_start_shows_why(kv: Valkey, notebook: dict[str, Any]) -> None:
    with pytest.raises(OnsiteError, match=r"(?s)did not start.*--no-such-option"):
        celery_worker(notebook["app"], words=["--no-such-option"])
