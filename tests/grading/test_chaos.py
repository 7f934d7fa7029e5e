"""Grading goes on whatever is killed: coordinator, workers, sandboxes, at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.grading.test_grade import HONEST, MODULE, course_with, rows
from tests.processes import left_after

from onsite.course.layout import Layout

STUDENTS, KILLS, SEED = 200, 100, 20_261_121
COMMAND = (sys.executable, "-m", "onsite", "grade", MODULE, "--jobs", "2", "--json")
KINDS = ("right", "wrong", "part", "untouched", "raises")


def start(layout: Layout) -> subprocess.Popen[bytes]:
    """The command; what it says is in files, so that it need not wait for a reader."""
    with (
        (layout.root.parent / "said").open("wb") as said,
        (layout.root.parent / "errors").open("wb") as errors,
    ):
        return subprocess.Popen(
            COMMAND,
            env={**os.environ, "ONSITE_ROOT": str(layout.root)},
            stdout=said,
            stderr=errors,
        )


def finish(running: subprocess.Popen[bytes], layout: Layout) -> dict[str, int]:
    """How many submissions a command that ends well says it graded, and so on."""
    assert running.wait() == 0, (layout.root.parent / "errors").read_text()
    counts: dict[str, int] = json.loads((layout.root.parent / "said").read_bytes())["counts"]
    return counts


def family(coordinator: subprocess.Popen[bytes]) -> list[list[psutil.Process]]:
    """The coordinator, its workers, and of each sandbox all but the student's own processes."""
    generations: list[list[psutil.Process]] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        generations.append([psutil.Process(coordinator.pid)])
    for _ in range(4 * len(generations)):  # workers, bubblewrap, warm processes, inits
        generation = []
        for parent in generations[-1]:
            try:
                generation += parent.children()
            except psutil.NoSuchProcess:
                continue
        generations.append(generation)
    return [generation for generation in generations if generation]


def receipts(layout: Layout) -> list[Path]:
    return list((layout.autograded / ".onsite" / MODULE).glob("*.json"))


def wait_for_one_more(layout: Layout, coordinator: subprocess.Popen[bytes]) -> None:
    before = len(receipts(layout))
    while len(receipts(layout)) == before and coordinator.poll() is None:
        time.sleep(0.02)


def results(layout: Layout) -> dict[str, Any]:
    """All that is left of a grading but the times at which it was made."""
    return {
        "gradebook": rows(layout),
        "files": sorted(
            str(path.relative_to(layout.root))
            for folder in (layout.autograded, layout.feedback)
            for path in folder.rglob("*")
            if not path.is_dir()
        ),
    }


def unmake(layout: Layout) -> None:
    shutil.rmtree(layout.autograded)
    shutil.rmtree(layout.feedback)
    layout.gradebook.unlink()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_9_at_a_hundred_moments(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable is what it has to be
    students = {f"s{n:03}": HONEST[KINDS[n % len(KINDS)]] for n in range(STUDENTS)}
    layout = course_with(tmp_path / "course", students)
    assert finish(start(layout), layout)["graded"] == STUDENTS
    expected = results(layout)
    assert len(receipts(layout)) == STUDENTS

    unmake(layout)
    seen: set[psutil.Process] = set()
    killed: list[int] = []
    codes = set()
    while len(killed) < KILLS:
        coordinator = start(layout)
        while coordinator.poll() is None and len(family(coordinator)) < 2:
            time.sleep(0.05)  # the grading has not begun
        while coordinator.poll() is None and len(killed) < KILLS:
            if chance.random() < 0.3:
                wait_for_one_more(layout, coordinator)
            time.sleep(chance.uniform(0, 0.4))
            if not (generations := family(coordinator)):
                break
            seen.update(process for generation in generations for process in generation)
            # mostly others than the coordinator, after whose death all begins anew
            depth = chance.choices(range(len(generations)), [1, 9, 9, 9, 9][: len(generations)])[0]
            try:
                chance.choice(generations[depth]).kill()
            except psutil.NoSuchProcess:
                continue
            killed.append(depth)
        if len(killed) < KILLS:
            codes.add(coordinator.wait())
            if coordinator.returncode == 0:
                assert results(layout) == expected
                unmake(layout)
    # the same command again, while the last one may still be at work
    last = start(layout)
    coordinator.wait()
    counts = finish(last, layout)
    assert counts["graded"] + counts["already graded"] == STUDENTS
    assert results(layout) == expected
    assert -signal.SIGKILL in codes
    assert codes <= {0, 1, 2, -signal.SIGKILL}
    assert set(killed) >= {0, 1, 2, 3}
    assert not left_after(30, seen)
