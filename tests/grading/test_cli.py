from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parents[1] / "fixtures" / "course"


def onsite(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onsite", *arguments],
        env={**os.environ, "ONSITE_ROOT": str(course), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def course(tmp_path: Path) -> Path:
    root = tmp_path / "a course"
    shutil.copytree(FIXTURE, root)
    return root


@pytest.mark.slow
def test_prove_says_what_is_proved(course: Path) -> None:
    done = onsite(course, "prove", "adding")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 topic proved" in done.stdout
    assert "100%" in done.stdout
    report = json.loads((course / "build" / "prove" / "adding.json").read_text())
    assert report["proved"] is True
    done = onsite(course, "prove", "--json")
    assert json.loads(done.stdout) == [report]


@pytest.mark.slow
def test_prove_fails_when_something_is_not_proved(course: Path) -> None:
    topic = course / "notebooks" / "01-basics" / "adding.md"
    topic.write_text(topic.read_text().replace("return a - b", "return b + a"))
    done = onsite(course, "prove")
    assert done.returncode == 1
    assert "'subtracts' earns full points" in done.stdout
    assert "0 of 1 topic proved" in done.stdout


@pytest.mark.slow
def test_prove_of_an_unknown_topic(course: Path) -> None:
    done = onsite(course, "prove", "ading")
    assert done.returncode == 2
    assert "adding" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_grade(course: Path) -> None:
    assert onsite(course, "build").returncode == 0
    for student, folder in (("ann", "source"), ("bob", "release")):
        (course / "submitted" / student / "01-basics").mkdir(parents=True)
        shutil.copy(
            course / folder / "01-basics" / "adding.ipynb",
            course / "submitted" / student / "01-basics",
        )
    done = onsite(course, "grade", "01-basics", "--json")
    assert done.returncode == 0, done.stderr
    points = {
        each["student"]: each["topics"][0]["points"]
        for each in json.loads(done.stdout)["submissions"]
    }
    assert points == {"ann": 5, "bob": 0}
    assert (course / "feedback" / "ann" / "01-basics" / "adding.html").exists()
    (course / "submitted" / "bob" / "01-basics" / "adding.ipynb").write_text("no notebook")
    done = onsite(course, "grade", "01-basics", "--jobs", "1")
    assert done.returncode == 1
    assert "bob: adding: the file is not a Jupyter notebook" in done.stdout
    counted = dict(line.rsplit(None, 1) for line in done.stdout.splitlines()[-4:-1])
    assert counted == {"graded": "0", "already graded": "1", "not graded": "1"}


@pytest.mark.slow
def test_a_run_is_kept_to_be_looked_at(course: Path) -> None:
    assert onsite(course, "build").returncode == 0
    handed_in = course / "submitted" / "bob" / "01-basics"
    shutil.copytree(course / "release" / "01-basics", handed_in)
    done = onsite(course, "grade", "01-basics", "--keep")
    assert done.returncode == 2
    assert "name the student by --student ID" in done.stderr
    done = onsite(course, "grade", "01-basics", "--student", "bob", "--keep")
    assert done.returncode == 0, done.stderr
    kept = course / "build" / "grade" / "01-basics" / "bob"
    forms = [f"adding.{form}.ipynb" for form in ("executed", "restored", "submitted")]
    assert sorted(path.name for path in kept.iterdir()) == sorted([*forms, "adding.json"])
    assert (kept / forms[2]).read_bytes() == (handed_in / "adding.ipynb").read_bytes()
    said = json.loads((kept / "adding.json").read_text())
    checks = [cell for cell in said["cells"] if cell["assertions"]]
    assert {cell["status"] for cell in checks} == {"error"}
    came = {each["came_to"] for cell in checks for each in cell["assertions"]}
    assert came <= {"did not hold", "not reached"}
    assert {cell["cell"] for cell in checks} == {
        "add-check-1", "add-check-2", "total-check-1"
    }  # fmt: skip
    (handed_in / "timestamp.txt").write_text("yesterday")
    done = onsite(course, "grade", "01-basics", "--student", "bob", "--keep")
    assert done.returncode == 1
    assert "No run is kept, because there was none" in done.stderr


@pytest.mark.slow
def test_grade_by_a_cluster(course: Path) -> None:
    assert onsite(course, "build").returncode == 0
    for student, folder in (("ann", "source"), ("bob", "release")):
        shutil.copytree(course / folder / "01-basics", course / "submitted" / student / "01-basics")
    done = onsite(course, "grade", "01-basics", "--cluster", "smoke://signals")
    assert done.returncode == 2
    assert "There is no Dask scheduler at smoke://signals" in done.stderr
    assert "Traceback" not in done.stderr
    done = onsite(course, "grade", "01-basics", "--cluster", "local", "--json")
    assert done.returncode == 0, done.stderr
    points = {
        each["student"]: each["topics"][0]["points"]
        for each in json.loads(done.stdout)["submissions"]
    }
    assert points == {"ann": 5, "bob": 0}


@pytest.mark.slow
def test_what_cannot_be_graded_is_one_sentence(course: Path) -> None:
    done = onsite(course, "grade", "02-none")
    assert done.returncode == 2
    assert "source/ has no module '02-none'" in done.stderr
    assert onsite(course, "build").returncode == 0
    (course / "submitted" / "\x1b[31m" / "01-basics").mkdir(parents=True)
    done = onsite(course, "grade", "01-basics", "--student", "ann")
    assert done.returncode == 2
    assert r"there are \x1b[31m." in done.stderr
    (course / "submitted" / "ann" / "01-basics").mkdir(parents=True)
    broken = course / "nbgrader_config.py"
    broken.write_text("c = get_config(")
    done = onsite(course, "grade", "01-basics", "--student", "ann")
    assert done.returncode == 2
    assert "nbgrader_config.py cannot be read: SyntaxError: '(' was never closed" in done.stderr
    broken.unlink()
    notebook = course / "source" / "01-basics" / "adding.ipynb"
    kept = notebook.read_bytes()
    for content in (b"{", b"\xff", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'):
        notebook.write_bytes(content)
        done = onsite(course, "grade", "01-basics", "--student", "ann")
        assert done.returncode == 2
        assert "adding.ipynb is no notebook of an assignment" in done.stderr
        assert "Traceback" not in done.stderr
    notebook.write_bytes(kept)
    shutil.rmtree(course / "submitted")
    (course / "submitted").write_text("a file")
    done = onsite(course, "grade", "01-basics")
    assert done.returncode == 2
    assert "it has to be a folder" in done.stderr
    assert "Traceback" not in done.stderr
