"""`onsite run`: papermill over topics, in real kernels."""

from __future__ import annotations

import json

import nbformat
import pytest
from tests.course.author import Author

from onsite.course.execute import TopicRun, default_jobs, run_topics, write_timings

PROSE = "Write `add(a, b)`, which returns the sum of two numbers."

pytestmark = pytest.mark.slow


def run(author: Author) -> TopicRun:
    (result,) = run_topics(author.layout, author.course().topics, jobs=3)
    return result


def test_a_topic_runs_with_its_solutions(author: Author, capfd: pytest.CaptureFixture[str]) -> None:
    (author.path.parent / "orders.csv").write_text("one order", encoding="utf-8")
    author.insert_above(PROSE, '```python demo="data"\nprint(open("orders.csv").read())\n```')
    result = run(author)
    assert result.failure is None
    assert (result.topic, result.cells) == ("01-basics/adding", 23)
    assert 1 <= result.slowest_cell <= result.cells
    assert 0 < result.slowest_seconds < result.seconds
    text = nbformat.writes(nbformat.read(result.notebook, as_version=4))
    assert "one and two make 3" in text
    assert "one order" in text
    assert "without encryption" not in capfd.readouterr().err
    folder = author.layout.build / "run" / "01-basics"
    assert sorted(p.name for p in folder.iterdir()) == ["adding.ipynb", "orders.csv"]

    timings = json.loads(write_timings(author.layout, [result]).read_text())
    assert timings[0]["topic"] == "01-basics/adding"
    assert timings[0]["failure"] is None


def test_a_failing_cell_is_named_with_its_traceback(author: Author) -> None:
    author.insert_above(
        PROSE, '```python demo="broken"\nprint("before")\n{}["[/a key]"]\nprint("after")\n```'
    )
    result = run(author)
    assert result.failure
    assert result.cells == 23  # papermill's own marks are not counted
    assert result.failure.cell == 6
    assert result.failure.source.startswith('print("before")')
    assert result.failure.error == "KeyError: '[/a key]'"
    assert "----> 2" in result.failure.traceback
    assert "\x1b" not in result.failure.traceback
    assert "before" in nbformat.writes(nbformat.read(result.notebook, as_version=4))


def test_a_kernel_that_dies_is_a_failure_of_its_cell(author: Author) -> None:
    author.insert_above(
        PROSE,
        '```python demo="fatal"\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n```',
    )
    result = run(author)
    assert result.failure
    assert (result.failure.cell, result.failure.traceback) == (6, "")
    assert result.failure.error.startswith("DeadKernelError: ")


def test_there_is_always_a_job() -> None:
    assert default_jobs() >= 1
