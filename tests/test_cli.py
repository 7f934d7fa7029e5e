"""The course's commands as a person types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parent / "fixtures" / "course"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a [bold]course[/]"
    shutil.copytree(FIXTURE, folder)
    return folder


def onsite(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onsite", *arguments],
        env={**os.environ, "ONSITE_ROOT": str(root), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


def edit(root: Path, old: str, new: str) -> Path:
    path = root / "notebooks" / "01-basics" / "adding.md"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def refusal(finished: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that was refused."""
    assert finished.returncode == 2, finished.stderr
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    assert finished.stderr.startswith("onsite: ")
    return finished.stderr.removeprefix("onsite: ").rstrip("\n")


@pytest.mark.slow
def test_an_unknown_name_is_refused_with_near_ones(root: Path) -> None:
    for command in ("build", "run"):
        message = refusal(onsite(root, command, "ading"))
        assert message == "No topic or module is called 'ading'; did you mean adding?"


@pytest.mark.slow
def test_a_folder_without_syllabus_is_refused(root: Path) -> None:
    shutil.rmtree(root / "notebooks")
    message = refusal(onsite(root, "coverage"))
    assert message.startswith(f"ONSITE_ROOT names {root}, which has no notebooks/syllabus.yml; ")


def test_a_broken_syllabus_is_refused(root: Path) -> None:
    syllabus = root / "notebooks" / "syllabus.yml"
    syllabus.write_text("modules:\n\t- tab\n", encoding="utf-8")
    assert refusal(onsite(root, "build")).startswith(f"{syllabus} line 2: ")


def test_form_errors_come_all_at_once_and_word_for_word(root: Path) -> None:
    """Rich would take [how-to-add] for a style."""
    path = edit(root, "questions: [how-to-add]", "questions: {how-to-add: [red]}")
    edit(root, "points=2 about", "points=0 about")
    lines = refusal(onsite(root, "build")).split("\n")
    assert lines == [
        "2 form errors:",
        f"{path}:5: questions is {{'how-to-add': ['red']}}; write a list: `questions: [...]`.",
        f"{path}:40: cell 6 (check add): points is 0; give a whole number over zero.",
    ]


@pytest.mark.slow
def test_build_check_and_build(root: Path) -> None:
    checked = onsite(root, "build", "--check")
    assert checked.returncode == 1
    assert checked.stderr.split("\n")[:2] == [
        "source/01-basics/adding.ipynb is missing",
        "release/01-basics/adding.ipynb is missing",
    ]
    assert "./onsite build" in checked.stderr
    built = onsite(root, "build")
    assert (built.returncode, built.stdout) == (
        0, "built 01-basics/adding\n1 built, 0 unchanged.\n",
    )  # fmt: skip
    checked = onsite(root, "build", "--check", "01-basics")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "up to date (1 topics)" in checked.stdout


@pytest.mark.slow
def test_coverage_counts_and_speaks_json(root: Path) -> None:
    assert "1 of 2 questions, 1 of 2 topics are there." in onsite(root, "coverage").stdout
    rows = json.loads(onsite(root, "coverage", "--json").stdout)
    assert [(row["question"], row["missing"]) for row in rows] == [
        ("how-to-add", ""),
        ("when", "the topic"),
    ]


def test_test_hands_its_arguments_to_pytest(root: Path) -> None:
    (root / "test_it.py").write_text("def test_it():\n    assert False\n")
    finished = onsite(root, "test", "-q", "-k", "nothing_is_called_so", "test_it.py")
    assert finished.returncode == 5  # pytest's code for: no test was chosen
    assert onsite(root, "test", "-q", "test_it.py").returncode == 1


@pytest.mark.slow
def test_run_shows_the_cell_that_failed(root: Path) -> None:
    edit(root, 'print("one and two make", 1 + 2)', 'raise ValueError("[/red] is no style")')
    finished = onsite(root, "run", "adding")
    assert finished.returncode == 1
    assert "01-basics/adding, cell 5" in finished.stderr
    assert "ValueError: [/red] is no style" in finished.stderr
    assert f"As far as it came: {root}/build/run/01-basics/adding.ipynb" in finished.stderr
    assert "without encryption" not in finished.stderr
    assert "failed" in finished.stdout
