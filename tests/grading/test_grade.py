from __future__ import annotations

import atexit
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from tests.grading.grading import grade
from tests.grading.stock import use_stock_nbgrader

from onsite.course.build import build
from onsite.course.layout import Layout
from onsite.course.reader import read_course
from onsite.errors import OnsiteError
from onsite.grading.assignment import assignment_bytes
from onsite.grading.feedback import write_feedback
from onsite.grading.gradebook import database, nbgrader_config
from onsite.grading.grader import Grader
from onsite.grading.outcome import Grade
from onsite.grading.sandbox import Sandbox
from onsite.grading.submission import Submission
from onsite.grading.summary import Line

ROOT = Path(__file__).parents[2]
MODULE = "01-basics"
Edit = Callable[[NotebookNode], None]

GOOD = {"add": "def add(a, b):\n    return a + b"}
GOOD["total"] = (
    "def total(numbers, on_add):\n    result = 0\n    for n in numbers:\n"
    "        on_add()\n        result = add(result, n)\n    return result"
)


def by_id(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    (found,) = (
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def answer(**sources: str) -> Edit:
    def edit(notebook: NotebookNode) -> None:
        for grade_id, source in sources.items():
            by_id(notebook, grade_id.replace("_", "-"))["source"] = source

    return edit


def solve(notebook: NotebookNode) -> None:
    answer(**GOOD, say_it="From left to right.")(notebook)


def with_helpers(notebook: NotebookNode) -> None:
    solve(notebook)
    answer(add="def add(a, b):\n    return plus(a, b)")(notebook)
    at = notebook.cells.index(by_id(notebook, "add"))
    notebook.cells.insert(
        at,
        new_code_cell(
            "def plus(a, b):\n    return a + b\nawait __import__('asyncio').sleep(0)\nplus(1, 1)"
        ),
    )


def leans_on_a_demo(notebook: NotebookNode) -> None:
    solve(notebook)
    demo = next(cell for cell in notebook.cells if "one and two make" in cell.source)
    demo["source"] = f"import math\n{demo.source}"
    answer(add="def add(a, b):\n    return round(math.fsum([a, b]))")(notebook)


def edited_checks(notebook: NotebookNode) -> None:
    for grade_id in ("add-check-1", "add-check-2", "total-check-1"):
        by_id(notebook, grade_id)["source"] = "pass"
        by_id(notebook, grade_id).metadata.nbgrader["points"] = 100


def without_the_answer(notebook: NotebookNode) -> None:
    solve(notebook)
    notebook.cells.remove(by_id(notebook, "say-it"))
    notebook.cells.remove(by_id(notebook, "add-check-2"))


def exits(notebook: NotebookNode) -> None:
    solve(notebook)
    answer(total="import os\nos._exit(1)")(notebook)


#: A warning on stderr is no error: here nbgrader gives nothing.
warns = answer(add="import sys\ndef add(a, b):\n    print('hm', file=sys.stderr)\n    return a + b")

#: Submissions that nbgrader and we must score the same.
HONEST: dict[str, Edit] = {
    "untouched": lambda notebook: None,
    "right": solve,
    "wrong": answer(add="def add(a, b):\n    return a - b"),
    "part": answer(add="def add(a, b):\n    return abs(a) + abs(b)"),
    "raises": answer(add="def add(a, b):\n    return 1 / 0", total=GOOD["total"]),
    "syntax": answer(add="def add(a, b:\n    return", total=GOOD["total"]),
    "helpers": with_helpers,
    "prints": answer(add="def add(a, b):\n    print('hm')\n    return a + b", say_it="I add."),
    "cheats": edited_checks,
    "demo": leans_on_a_demo,
}


@cache
def built_course() -> Path:
    """The small course, built once for all tests of this file."""
    root = Path(tempfile.mkdtemp(prefix="onsite-test-")) / "course"
    atexit.register(shutil.rmtree, root.parent)
    shutil.copytree(ROOT / "tests" / "fixtures" / "course", root)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    course = read_course(Layout(root))
    build(Layout(root), course, course.topics)
    return root


def course_with(root: Path, students: dict[str, Edit]) -> Layout:
    """A built copy of the small course with what these students handed in."""
    shutil.copytree(built_course(), root)
    layout = Layout(root)
    released = nbformat.read(layout.release / MODULE / "adding.ipynb", as_version=4)
    for student, edit in students.items():
        notebook = copy.deepcopy(released)
        edit(notebook)
        folder = layout.submitted / student / MODULE
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "adding.ipynb")
        (folder / "timestamp.txt").write_text("2026-11-20 10:00:00 UTC\n")
    return layout


def rows(layout: Layout) -> dict[str, Any]:
    """What formgrader and export read, without ids."""
    found: dict[str, Any] = {}
    with Gradebook(database(nbgrader_config(layout))) as book:
        notebook = book.find_notebook("adding", MODULE)
        found["kernelspec"] = notebook.kernelspec
        for kind in ("grade_cells", "solution_cells", "source_cells"):
            for cell in getattr(notebook, kind):
                found[f"{kind} {cell.name}"] = {
                    name: value for name, value in cell.to_dict().items() if name != "id"
                }
        for submission in book.assignment_submissions(MODULE):
            student = submission.student.id
            found[student] = (submission.score, submission.max_score, str(submission.timestamp))
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    found[f"{student} {grade.name}"] = (
                        grade.auto_score,
                        grade.manual_score,
                        grade.needs_manual_grade,
                        grade.max_score,
                    )
                for comment in notebook.comments:
                    found[f"{student} comment {comment.name}"] = comment.auto_comment
    return found


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A course with good and bad submissions, graded once."""
    more: dict[str, Edit] = {"lacks": without_the_answer, "exits": exits, "warns": warns}
    layout = course_with(tmp_path_factory.mktemp("grade") / "course", {**HONEST, **more})
    for student in ("nothing", ".hidden"):
        (layout.submitted / student / MODULE).mkdir(parents=True)
    for student in ("garbage", "pipe", "link", "time"):
        (layout.submitted / student / MODULE).mkdir(parents=True)
    (layout.submitted / "garbage" / MODULE / "adding.ipynb").write_text("{")
    os.mkfifo(layout.submitted / "pipe" / MODULE / "adding.ipynb")
    link = layout.submitted / "link" / MODULE / "adding.ipynb"
    link.symlink_to(layout.source / MODULE / "adding.ipynb")
    (layout.submitted / "time" / MODULE / "timestamp.txt").write_text("yesterday")
    return layout


@pytest.fixture(scope="module")
def grades(layout: Layout) -> dict[str, Line]:
    return grade(layout, MODULE)


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("untouched", 0),
        ("right", 5),
        ("wrong", 0),
        ("part", 2),
        ("raises", 0),
        ("syntax", 0),
        ("helpers", 5),
        ("prints", 3),
        ("warns", 3),
        ("cheats", 0),
        ("lacks", 5),
        ("exits", 3),
    ],
)
def test_points(grades: dict[str, Line], layout: Layout, student: str, points: float) -> None:
    (topic,) = grades[student].topics
    assert (topic.points, topic.max_points, topic.problem) == (points, 7, "")
    assert grades[student].status == "graded"
    assert rows(layout)[student][:2] == (points, 7)


def test_written_answers_wait_for_a_person(grades: dict[str, Line], layout: Layout) -> None:
    assert grades["right"].topics[0].needs_a_person
    assert not grades["untouched"].topics[0].needs_a_person
    found = rows(layout)
    assert found["right say-it"] == (None, None, True, 2)
    assert found["untouched say-it"] == (0, None, False, 2)
    assert found["untouched comment say-it"] == "No response."
    assert found["right comment say-it"] is None


def test_executed_notebooks_are_kept(grades: dict[str, Line], layout: Layout) -> None:
    folder = layout.autograded / "wrong" / MODULE
    assert sorted(path.name for path in folder.iterdir()) == ["adding.ipynb", "timestamp.txt"]
    executed = nbformat.read(folder / "adding.ipynb", as_version=4)
    nbformat.validate(executed)
    (error,) = by_id(executed, "add-check-1").outputs
    assert error.evalue == "add(1, 2) returned -1; 3 is the sum"
    demo = next(cell for cell in executed.cells if "one and two make" in cell.source)
    assert demo.execution_count is None


def test_what_was_not_handed_in_earns_nothing(grades: dict[str, Line], layout: Layout) -> None:
    assert grades["nothing"].missing == ("adding",)
    assert grades["nothing"].status == "graded"
    found = rows(layout)
    assert found["nothing add-check-1"] == (0, None, False, 2)
    assert found["nothing"][0] == 0


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ("garbage", "the file is not a Jupyter notebook"),
        ("pipe", "adding.ipynb is not a regular file"),
        ("link", "adding.ipynb is not a regular file"),
    ],
)
def test_what_cannot_be_read_is_no_zero(
    grades: dict[str, Line], layout: Layout, student: str, why: str
) -> None:
    assert [topic.problem for topic in grades[student].topics] == [why]
    assert grades[student].status == "not graded"
    assert rows(layout)[f"{student} add-check-1"] == (None, None, True, 2)
    assert not (layout.autograded / student / MODULE / "adding.ipynb").exists()


def test_a_time_that_is_none(grades: dict[str, Line], layout: Layout) -> None:
    assert "timestamp.txt holds 'yesterday'" in grades["time"].problem
    assert "time" not in rows(layout)


def test_a_second_grading_keeps_what_a_person_gave(layout: Layout, grades: dict[str, Line]) -> None:
    with Gradebook(database(nbgrader_config(layout))) as book:
        for cell, points in (("say-it", 1.5), ("add-check-1", 1.0)):
            row = book.find_grade(cell, "adding", MODULE, "right")
            row.manual_score = points
            row.needs_manual_grade = False
        comment = book.find_comment("say-it", "adding", MODULE, "right")
        comment.manual_comment = "Nice."
        book.db.commit()
    again = grade(layout, MODULE, "right", again=True)["right"]
    assert again.topics[0].points == grades["right"].topics[0].points
    with Gradebook(database(nbgrader_config(layout))) as book:
        row = book.find_grade("add-check-1", "adding", MODULE, "right")
        assert (row.manual_score, row.auto_score, row.needs_manual_grade) == (1.0, 2, True)
        assert book.find_grade("say-it", "adding", MODULE, "right").manual_score == 1.5
        comment = book.find_comment("say-it", "adding", MODULE, "right")
        assert comment.manual_comment == "Nice."
        # as it was, for the other tests
        for cell in ("say-it", "add-check-1"):
            book.find_grade(cell, "adding", MODULE, "right").manual_score = None
        book.find_grade("add-check-1", "adding", MODULE, "right").needs_manual_grade = False
        book.find_grade("say-it", "adding", MODULE, "right").needs_manual_grade = True
        book.db.commit()


def test_feedback(layout: Layout, grades: dict[str, Line]) -> None:
    write_feedback(layout, MODULE, ["part"])
    page = (layout.feedback / "part" / MODULE / "adding.html").read_text(encoding="utf-8")
    assert "mind the sign" in page
    write_feedback(layout, MODULE, ["garbage"])
    assert not (layout.feedback / "garbage").exists()


@pytest.mark.slow
def test_broken_preparation_is_not_the_students_fault(tmp_path: Path) -> None:
    layout = course_with(tmp_path / "course", {"ann": solve})
    source = layout.source / MODULE / "adding.ipynb"
    notebook = nbformat.read(source, as_version=4)
    by_id(notebook, "adding-setup-Calls")["source"] = "raise RuntimeError('no server')"
    nbformat.write(notebook, source)
    line = grade(layout, MODULE)["ann"]
    assert line.status == "not graded"
    assert line.topics[0].problem == (
        "adding-setup-Calls, which is not the student's, failed: RuntimeError: no server"
    )
    assert rows(layout)["ann add-check-1"] == (None, None, True, 2)


@pytest.mark.slow
def test_a_server_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = course_with(tmp_path / "course", {"ann": solve})
    syllabus = layout.syllabus.read_text()
    layout.syllabus.write_text(
        syllabus.replace("minutes: 5\n", "minutes: 5\n    services: [postgres]\n")
    )

    def broken(**settings: object) -> None:
        raise OnsiteError("no room")

    monkeypatch.setattr("onsite.services.postgres", broken)
    nothing = Submission("ann", MODULE, None, {}).to_bytes()
    with Grader(assignment_bytes(layout, MODULE)) as grader:
        for _ in range(3):
            problem = Grade.from_bytes(grader.grade(nothing)).problem
            assert problem == "PostgreSQL did not start: no room"
        server = SimpleNamespace(url="postgresql://mended")
        monkeypatch.setattr("onsite.services.postgres", lambda **_: nullcontext(server))
        assert Grade.from_bytes(grader.grade(nothing)).problem == "", "the fourth tries again"


def test_programs_that_cannot_be_fetched(
    layout: Layout, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(services: object) -> None:
        raise PermissionError("the cache is not yours")

    monkeypatch.setattr("onsite.grading.grader.fetch_programs", broken)
    with Grader(assignment_bytes(layout, MODULE), sandbox=box) as grader:
        answer = grader.grade(Submission("ann", MODULE, None, {}).to_bytes())
    expected = "The programs that its notebooks need cannot be had: the cache is not yours"
    assert Grade.from_bytes(answer).problem == expected


@pytest.mark.slow
def test_cells_that_changed_after_grading(tmp_path: Path) -> None:
    layout = course_with(tmp_path / "course", {"ann": solve})
    grade(layout, MODULE)
    source = layout.source / MODULE / "adding.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.remove(by_id(notebook, "add-check-2"))
    new = by_id(copy.deepcopy(notebook), "add-check-1")
    new["id"], new.metadata["nbgrader"]["grade_id"] = "new-check", "add-check-3"
    notebook.cells.append(new)
    nbformat.write(notebook, source)
    later = copy.deepcopy(notebook)
    nbformat.write(later, layout.source / MODULE / "later.ipynb")
    with Gradebook(f"sqlite:///{layout.gradebook}") as book:
        book.find_comment("add", "adding", MODULE, "ann").manual_comment = "well said"
        book.find_grade("say-it", "adding", MODULE, "ann").manual_score = 2
        book.db.commit()

    line = grade(layout, MODULE)["ann"]

    assert line.missing == ("later",)
    with Gradebook(f"sqlite:///{layout.gradebook}") as book:
        adding = book.find_submission_notebook("adding", MODULE, "ann")
        scores = {grade.name: (grade.auto_score, grade.manual_score) for grade in adding.grades}
        assert "add-check-2" not in scores
        assert scores["add-check-3"] == scores["add-check-1"] == (2, None)
        assert scores["say-it"][1] == 2
        assert [
            comment.manual_comment for comment in adding.comments if comment.manual_comment
        ] == ["well said"]
        added = book.find_submission_notebook("later", MODULE, "ann")
        assert {grade.auto_score for grade in added.grades} == {0}


@pytest.mark.parametrize(
    ("module", "student", "message"),
    [
        ("01-basic", None, "source/ has no module '01-basic'; did you mean 01-basics?"),
        ("11-apis", None, "source/ has no module '11-apis'; there are 01-basics."),
        (MODULE, "rihgt", "There is no folder submitted/rihgt/01-basics; did you mean right?"),
        (MODULE, "", "--student names nobody; give it the name of a folder of submitted/."),
    ],
)
def test_unknown_names(layout: Layout, module: str, student: str | None, message: str) -> None:
    with pytest.raises(OnsiteError) as refused:
        grade(layout, module, student)
    assert str(refused.value) == message


def test_a_file_in_the_place_of_submitted(tmp_path: Path) -> None:
    layout = course_with(tmp_path / "course", {})
    layout.submitted.write_text("not here")
    with pytest.raises(OnsiteError, match=r"submitted cannot be read .* has to be a folder with"):
        grade(layout, MODULE)


def test_a_hidden_folder_is_reported(grades: dict[str, Line], layout: Layout) -> None:
    assert grades[".hidden"].status == "not graded"
    assert "is not named by a student id" in grades[".hidden"].problem
    assert ".hidden" not in rows(layout)


def test_nobody_handed_in(tmp_path: Path) -> None:
    with pytest.raises(OnsiteError, match="Nobody has handed in 01-basics"):
        grade(course_with(tmp_path / "course", {}), MODULE)


@pytest.mark.slow
def test_plain_nbgrader_writes_the_same_rows(
    layout: Layout, grades: dict[str, Line], tmp_path: Path
) -> None:
    theirs = course_with(tmp_path / "course", HONEST)
    use_stock_nbgrader(theirs.root)
    for command in (["generate_assignment", MODULE, "--force"], ["autograde", MODULE]):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=theirs.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    expected = rows(theirs)
    ours = rows(layout)
    assert len(expected) > 60
    assert {name: ours.get(name) for name in expected} == expected


@pytest.mark.slow
def test_nbgraders_own_commands_on_our_gradebook(layout: Layout, grades: dict[str, Line]) -> None:
    def nbgrader(*arguments: str, cwd: Path = layout.root) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    nbgrader("export", "--to", "grades.csv")
    lines = (layout.root / "grades.csv").read_text().splitlines()
    assert any(",right," in line and ",5.0," in line for line in lines)
    assert lines[0].endswith(",max_score,not_graded")
    marked = {line.split(",")[3]: line.rpartition(",")[2] for line in lines[1:]}
    assert {student for student, topics in marked.items() if topics} == {"garbage", "pipe", "link"}
    assert marked["garbage"] == "adding"
    nbgrader("generate_feedback", MODULE, "--student", "helpers")
    assert (layout.feedback / "helpers" / MODULE / "adding.html").exists()
    nbgrader("autograde", MODULE, "--student", "right", "--force")
    assert rows(layout)["right"][0] == 5
