"""What is graded is not graded again, what is not is, and two graders take turns."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.grading.grading import grade
from tests.grading.test_grade import MODULE, course_with, rows, solve
from tests.processes import left_after

from onsite.course.layout import Layout
from onsite.grading.recorder import Report

STUDENTS = ("ann", "bob", "cy")
COMMAND = (sys.executable, "-m", "onsite", "grade", MODULE, "--trust")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = course_with(
        tmp_path_factory.mktemp("resume") / "course", dict.fromkeys(STUDENTS, solve)
    )
    assert {line.status for line in grade(layout, MODULE).values()} == {"graded"}
    return layout


@pytest.fixture
def layout(graded: Layout, tmp_path: Path) -> Layout:
    """A copy of a graded course."""
    shutil.copytree(graded.root, tmp_path / "course")
    return Layout(tmp_path / "course")


def statuses(layout: Layout, *, again: bool = False) -> dict[str, str]:
    return {name: line.status for name, line in grade(layout, MODULE, again=again).items()}


ALREADY = dict.fromkeys(STUDENTS, "already graded")


def onsite(layout: Layout, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *more],
        env={**os.environ, "ONSITE_ROOT": str(layout.root), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_what_is_graded_is_skipped_and_still_in_the_summary(layout: Layout) -> None:
    before = rows(layout)
    lines = grade(layout, MODULE)
    assert {name: line.status for name, line in lines.items()} == ALREADY
    assert lines["ann"].topics[0].points == 5
    assert rows(layout) == before


@pytest.mark.slow
def test_what_changed_is_graded_again(layout: Layout) -> None:
    changed = layout.submitted / "ann" / MODULE / "adding.ipynb"
    changed.write_text(changed.read_text().replace("result = add(result, n)", "result = 0"))
    (layout.submitted / "bob" / MODULE / "timestamp.txt").write_text("2026-11-21 10:00:00 UTC")
    assert statuses(layout) == {"ann": "graded", "bob": "graded", "cy": "already graded"}
    assert rows(layout)["ann"][0] < 5
    assert statuses(layout, again=True) == dict.fromkeys(STUDENTS, "graded")


@pytest.mark.slow
def test_what_got_lost_is_graded_again(layout: Layout) -> None:
    (layout.autograded / "ann" / MODULE / "adding.ipynb").unlink()
    (layout.autograded / "bob" / MODULE / "adding.ipynb").write_text("")
    (layout.autograded / ".onsite" / MODULE / "cy.json").write_text("{")
    assert statuses(layout) == dict.fromkeys(STUDENTS, "graded")
    before = rows(layout)
    layout.gradebook.unlink()
    assert statuses(layout) == dict.fromkeys(STUDENTS, "graded")
    assert rows(layout) == before


@pytest.mark.slow
def test_a_changed_course_is_graded_again(layout: Layout) -> None:
    source = layout.source / MODULE / "adding.ipynb"
    source.write_text(source.read_text().replace("is the sum", "is their sum"))
    assert statuses(layout) == dict.fromkeys(STUDENTS, "graded")


@pytest.mark.slow
def test_what_a_student_no_longer_hands_in_goes(layout: Layout) -> None:
    (layout.submitted / "ann" / MODULE / "adding.ipynb").unlink()
    lines = grade(layout, MODULE)
    assert lines["ann"].missing == ("adding",)
    assert not list((layout.autograded / "ann" / MODULE).glob("*.ipynb"))
    assert statuses(layout) == ALREADY


def test_a_second_grader_waits(layout: Layout) -> None:
    with (layout.autograded / ".onsite" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told: list[str] = []

        def release(sentence: str) -> None:
            told.append(sentence)
            fcntl.flock(lock, fcntl.LOCK_UN)

        assert grade(layout, MODULE, report=Report(wait=release))["ann"].status == "already graded"
    (sentence,) = told
    assert sentence.startswith("Somebody grades this course already (process ")


def test_nothing_temporary_stays(layout: Layout) -> None:
    staging = layout.autograded / ".onsite" / "staging"
    staging.mkdir()
    (staging / ".adding.ipynb.x1").write_text("half of")
    grade(layout, MODULE)
    assert not staging.exists()
    kept = {path.name for path in layout.autograded.rglob("*") if path.is_file()}
    receipts = {f"{student}.json" for student in STUDENTS}
    assert kept == {"lock", "adding.ipynb", "timestamp.txt", *receipts}


@pytest.mark.slow
def test_ctrl_c_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    layout = course_with(tmp_path / "course", {f"s{number:02}": solve for number in range(60)})
    running = onsite(layout)
    receipts = layout.autograded / ".onsite" / MODULE
    while running.poll() is None and not list(receipts.glob("*.json")):
        pass
    family = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert f"./onsite grade {MODULE} goes on from here" in said
    assert "Traceback" not in said
    assert not left_after(30, family)
    done = len(list(receipts.glob("*.json")))
    again = onsite(layout, "--json")
    counts = json.loads(again.communicate()[0])["counts"]
    assert again.returncode == 0
    assert counts == {
        "graded": 60 - done,
        "already graded": done,
        "not graded": 0,
        "suspicious": 0,
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is made by Linux's namespaces")
def test_a_full_disk_stops_with_a_sentence_and_goes_on_later(
    layout: Layout, tmp_path: Path
) -> None:
    shutil.rmtree(layout.autograded)
    shutil.rmtree(layout.feedback)
    layout.gradebook.unlink()
    place = tmp_path / "small"
    place.mkdir()
    # as much as the course takes, and a little more; afterwards there is room
    script = (
        'set -e; mount -t tmpfs -o size="$1" none "$2"; cp -r "$3"/. "$2"; shift 3; set +e; '
        '"$@" >/dev/null; echo code $? >&2; mount -o remount,size=64m none "$ONSITE_ROOT"; '
        '"$@" --json; echo code $? >&2'
    )
    size = 4096 * sum(1 + path.lstat().st_size // 4096 for path in layout.root.rglob("*"))
    done = subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"),
            *(str(size + (100 << 10)), str(place), str(layout.root)),
            *COMMAND,
        ],
        env={**os.environ, "ONSITE_ROOT": str(place), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    first, second = done.stderr.split("code 2\n")
    assert "full" in first
    assert "run the same command again" in first
    assert "Traceback" not in done.stderr
    assert second.endswith("code 0\n")
    counts = json.loads(done.stdout)["counts"]
    assert counts["graded"] + counts["already graded"] == len(STUDENTS)
