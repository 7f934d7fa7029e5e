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
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat
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
    assert running.wait() == 0, complaints(layout)
    return said(layout)


def said(layout: Layout) -> dict[str, int]:
    """How many submissions the last command says it graded, and so on."""
    counts: dict[str, int] = json.loads((layout.root.parent / "said").read_bytes())["counts"]
    assert sum(counts.values()) == STUDENTS
    return counts


def complaints(layout: Layout) -> str:
    return (layout.root.parent / "errors").read_text()


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


def files(layout: Layout) -> dict[str, str]:
    """A digest of every file that is in its place: all of them are the same each time."""
    return {
        str(path.relative_to(layout.root)): sha256(path.read_bytes()).hexdigest()
        for folder in (layout.autograded, layout.feedback)
        for path in folder.rglob("*")
        if not path.is_dir() and path.name != "lock" and "staging" not in path.parts
    }


def results(layout: Layout) -> dict[str, Any]:
    """All that is left of a grading."""
    return {"gradebook": rows(layout), "files": files(layout)}


def are_whole(layout: Layout) -> bool:
    """Notebooks and pages go to their ends."""
    for path in layout.autograded.rglob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))
    pages = [path.read_text(encoding="utf-8") for path in layout.feedback.rglob("*.html")]
    return bool(pages) and all(page.rstrip().endswith("</html>") for page in pages)


def tells_the_truth(code: int, layout: Layout, expected: dict[str, Any], *, killed: bool) -> bool:
    """Whether a command's exit code says what has become of it."""
    match code:
        case 0:
            return said(layout)["not graded"] == 0 and results(layout) == expected
        case 1:
            return said(layout)["not graded"] > 0 and results(layout) != expected
        case 2:
            why = complaints(layout)
            return "onsite: " in why and "Traceback" not in why
    return killed and code == -signal.SIGKILL


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
    assert are_whole(layout)
    assert len(receipts(layout)) == STUDENTS

    unmake(layout)
    seen: set[psutil.Process] = set()
    killed: list[int] = []
    codes = set()
    while len(killed) < KILLS:
        coordinator, hit = start(layout), False
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
            hit |= depth == 0
        if len(killed) < KILLS:
            code = coordinator.wait()
            codes.add(code)
            assert tells_the_truth(code, layout, expected, killed=hit), complaints(layout)
            assert files(layout).items() <= expected["files"].items(), "a file is not whole"
            if code == 0:
                unmake(layout)
    # the same command again, while the last one may still be at work
    last = start(layout)
    coordinator.wait()
    counts = finish(last, layout)
    assert counts["graded"] + counts["already graded"] == STUDENTS
    assert results(layout) == expected
    assert -signal.SIGKILL in codes
    assert set(killed) >= {0, 1, 2, 3}
    assert not left_after(30, seen)
