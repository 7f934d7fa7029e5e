from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from onsite import cli

FIXTURE = Path(__file__).parents[1] / "fixtures" / "course"


def onsite(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onsite", *arguments],
        env={**os.environ, "ONSITE_ROOT": str(course), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What a command that ends by exit code 2 says; in this process, for a start takes seconds."""

    def of(course: Path, *arguments: str) -> str:
        monkeypatch.setenv("ONSITE_ROOT", str(course))
        monkeypatch.setattr(sys, "argv", ["onsite", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return of


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "a course"
    shutil.copytree(FIXTURE, root)
    assert onsite(root, "build").returncode == 0
    return root


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Path:
    """A course whose assignments are made."""
    root = tmp_path / "a course"
    shutil.copytree(built_once, root)
    return root


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
def test_grade(built: Path) -> None:
    for student, folder in (("ann", "source"), ("bob", "release")):
        (built / "submitted" / student / "01-basics").mkdir(parents=True)
        shutil.copy(
            built / folder / "01-basics" / "adding.ipynb",
            built / "submitted" / student / "01-basics",
        )
    done = onsite(built, "grade", "01-basics", "--json")
    assert done.returncode == 0, done.stderr
    points = {
        each["student"]: each["topics"][0]["points"]
        for each in json.loads(done.stdout)["submissions"]
    }
    assert points == {"ann": 5, "bob": 0}
    assert (built / "feedback" / "ann" / "01-basics" / "adding.html").exists()
    (built / "submitted" / "bob" / "01-basics" / "adding.ipynb").write_text("no notebook")
    done = onsite(built, "grade", "01-basics", "--jobs", "1")
    assert done.returncode == 1
    assert "bob: adding: the file is not a Jupyter notebook" in done.stdout
    counted = dict(line.rsplit(None, 1) for line in done.stdout.splitlines()[-4:-1])
    assert counted == {"graded": "0", "already graded": "1", "not graded": "1"}


@pytest.mark.slow
def test_a_run_is_kept_to_be_looked_at(built: Path) -> None:
    handed_in = built / "submitted" / "bob" / "01-basics"
    shutil.copytree(built / "release" / "01-basics", handed_in)
    done = onsite(built, "grade", "01-basics", "--keep")
    assert done.returncode == 2
    assert "name the student by --student ID" in done.stderr
    done = onsite(built, "grade", "01-basics", "--student", "bob", "--keep")
    assert done.returncode == 0, done.stderr
    kept = built / "build" / "grade" / "01-basics" / "bob"
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
    done = onsite(built, "grade", "01-basics", "--student", "bob", "--keep")
    assert done.returncode == 1
    assert "No run is kept, because there was none" in done.stderr


@pytest.mark.slow
def test_grade_by_a_cluster(built: Path) -> None:
    for student, folder in (("ann", "source"), ("bob", "release")):
        shutil.copytree(built / folder / "01-basics", built / "submitted" / student / "01-basics")
    done = onsite(built, "grade", "01-basics", "--cluster", "smoke://signals")
    assert done.returncode == 2
    assert "There is no Dask scheduler at smoke://signals" in done.stderr
    assert "Traceback" not in done.stderr
    done = onsite(built, "grade", "01-basics", "--cluster", "local", "--json")
    assert done.returncode == 0, done.stderr
    points = {
        each["student"]: each["topics"][0]["points"]
        for each in json.loads(done.stdout)["submissions"]
    }
    assert points == {"ann": 5, "bob": 0}


@pytest.mark.slow
def test_what_cannot_be_graded_is_one_sentence(built: Path, refused: Refused) -> None:
    assert "source/ has no module '02-none'" in refused(built, "grade", "02-none")
    (built / "submitted" / "\x1b[31m" / "01-basics").mkdir(parents=True)
    assert r"there are \x1b[31m." in refused(built, "grade", "01-basics", "--student", "ann")
    (built / "submitted" / "ann" / "01-basics").mkdir(parents=True)
    broken = built / "nbgrader_config.py"
    broken.write_text("c = get_config(")
    assert "nbgrader_config.py cannot be read: SyntaxError: '(' was never closed" in refused(
        built, "grade", "01-basics", "--student", "ann"
    )
    broken.unlink()
    notebook = built / "source" / "01-basics" / "adding.ipynb"
    kept = notebook.read_bytes()
    for content in (b"{", b"\xff", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'):
        notebook.write_bytes(content)
        assert "adding.ipynb is no notebook of an assignment" in refused(
            built, "grade", "01-basics", "--student", "ann"
        )
    notebook.write_bytes(kept)
    shutil.rmtree(built / "submitted")
    (built / "submitted").write_text("a file")
    assert "it has to be a folder" in refused(built, "grade", "01-basics")
