"""Plain nbgrader on this course: its own commands, on the real notebooks."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[2]
MODULE, TOPIC = "16-interview", "introduce-yourself"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course in which alice hands in the solutions and bob the untouched notebook."""
    root = tmp_path_factory.mktemp("the course")
    for folder in ("notebooks", "source", "release"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    for student, folder in (("alice", "source"), ("bob", "release")):
        handed_in = root / "submitted" / student / MODULE
        handed_in.mkdir(parents=True)
        shutil.copy(root / folder / MODULE / f"{TOPIC}.ipynb", handed_in)
    return root


def run(course: Path, *command: str) -> str:
    """Run a command of the environment, which need not be activated; what it printed."""
    program = Path(sys.executable).parent / command[0]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ONSITE_")}
    done = subprocess.run(
        [program, *command[1:]],
        cwd=course,
        env={**environment, "ONSITE_ROOT": str(course)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def points(course: Path) -> dict[str, tuple[float, float]]:
    """What nbgrader's gradebook says: points by checks, and the most they can give."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: (
                sum(grade.auto_score or 0 for n in submission.notebooks for grade in n.grades),
                gradebook.find_assignment(MODULE).max_code_score,
            )
            for submission in gradebook.assignment_submissions(MODULE)
        }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nbgraders_commands_and_ours_fill_the_same_gradebook(course: Path) -> None:
    release = course / "release" / MODULE / f"{TOPIC}.ipynb"
    before = release.read_bytes()
    run(course, "nbgrader", "generate_assignment", MODULE, "--force")
    assert release.read_bytes() == before, "nbgrader and onsite build must agree to the byte"

    run(course, "nbgrader", "autograde", MODULE, "--create")
    by_nbgrader = points(course)
    most = by_nbgrader["alice"][1]
    assert most > 0
    assert by_nbgrader == {"alice": (most, most), "bob": (0.0, most)}

    graded = json.loads(run(course, "onsite", "grade", MODULE, "--json"))
    assert points(course) == by_nbgrader
    assert {each["student"] for each in graded["submissions"]} == {"alice", "bob"}

    run(course, "nbgrader", "generate_feedback", MODULE)
    page = course / "feedback" / "alice" / MODULE / f"{TOPIC}.html"
    assert "Introducing yourself" in page.read_text(encoding="utf-8")

    run(course, "nbgrader", "export", "--to", str(course / "grades.csv"))
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}
    assert rows == {"alice": most, "bob": 0.0}
