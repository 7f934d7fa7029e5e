"""The rows we write beside those that nbgrader's own preprocessors write."""

from __future__ import annotations

import copy
import random
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.plugins import BasePlugin
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy import URL, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SAWarning
from tests.grading.book import cells, rounded, submissions
from traitlets.config import Config

from onsite.errors import OnsiteError
from onsite.grading.database import PATIENCE, patient
from onsite.grading.gradebook import Entry, Writer
from onsite.grading.restore import master
from onsite.grading.score import Score, scores, unanswered
from onsite.services import postgres

MODULE = "01-basics"
DUE = datetime(2026, 11, 20, 12)
COLUMNS = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}


class Hourly(BasePlugin):
    """A quarter of a point an hour, less half a point: below zero for some, above their score."""

    def late_submission_penalty(self, student: str, score: float, seconds: float) -> float | None:
        return None if student.startswith("pardoned") else 0.25 * seconds / 3600 - 0.5


def cell(grade_id: str, source: str = "1", **role: Any) -> NotebookNode:
    make = new_code_cell if source == "1" else new_markdown_cell
    return make(source, metadata={"nbgrader": {**COLUMNS, "grade_id": grade_id, **role}})


def source(*, more: bool = False) -> NotebookNode:
    """A notebook with every kind of cell that nbgrader knows."""
    made = [
        cell("setup", locked=True),
        cell("answer", solution=True),
        cell("check-1", grade=True, locked=True, points=3),
        cell("check-2", grade=True, locked=True, points=0.3),
        cell("essay", "Write.", grade=True, solution=True, points=2),
        cell("poster", "Draw.", task=True, points=4),
    ]
    if more:
        made.append(cell("check-3", grade=True, locked=True, points=1))
    return master(nbformat.writes(new_notebook(cells=made)).encode())


MASTERS = {"one": source(), "two": source()}


def executed(original: NotebookNode, chance: random.Random) -> NotebookNode:
    """The notebook as it might come from a run."""
    notebook = copy.deepcopy(original)
    outputs = [
        [],
        [new_output("error", ename="E", evalue="", traceback=[])],
        [new_output("execute_result", {"text/plain": str(chance.choice([0, 0.1, 0.2, 0.3]))})],
    ]
    for each in notebook.cells:
        name = each.metadata.nbgrader.grade_id
        if name.startswith("check"):
            each["outputs"] = chance.choice(outputs)
        elif name in ("answer", "essay", "poster") and chance.random() < 0.7:
            each["source"] += " and the student's"
    return notebook


class Nbgrader:
    """What `nbgrader autograde` does to the gradebook, with its own preprocessors."""

    def __init__(self, config: Config, db_url: str) -> None:
        self.config, self.db_url = config, db_url

    def grade(
        self,
        student: str,
        when: datetime | None,
        notebooks: dict[str, NotebookNode | None],
    ) -> None:
        with Gradebook(self.db_url) as book:
            book.update_or_create_student(student)
            more = {} if when is None else {"timestamp": when}
            book.update_or_create_submission(MODULE, student, **more)
            for name, notebook in notebooks.items():
                if notebook is None:
                    for grade in book.find_submission_notebook(name, MODULE, student).grades:
                        grade.auto_score, grade.needs_manual_grade = 0, False
            book.db.commit()
        for name, notebook in notebooks.items():
            if notebook is not None:
                names = {"notebook": name, "assignment": MODULE, "student": student}
                resources = {"nbgrader": {**names, "db_url": self.db_url}}
                SaveAutoGrades(config=self.config).preprocess(notebook, resources)
                AssignLatePenalties(config=self.config).preprocess(notebook, resources)


def entries(notebooks: dict[str, NotebookNode | None]) -> dict[str, Entry | None]:
    return {
        name: notebook and Entry(scores(notebook.cells), unanswered(notebook.cells))
        for name, notebook in notebooks.items()
    }


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with closing(postgres()) as server:
        yield server


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite gradebook, which takes nbgrader a second or two to make."""
    path = tmp_path_factory.mktemp("empty") / "gradebook.db"
    with Gradebook(f"sqlite:///{path}"):
        return path


@pytest.fixture(scope="module")
def empty_on(server: Any) -> URL:
    """The same on PostgreSQL."""
    with Gradebook(server.sqlalchemy_url):
        return make_url(server.sqlalchemy_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes a new, empty gradebook of that name and says its address."""
    if request.param == "sqlite":
        empty = request.getfixturevalue("empty")

        def copy(name: str) -> str:
            shutil.copy(empty, tmp_path / f"{name}.db")
            return f"sqlite:///{tmp_path / name}.db"

        return copy
    url = request.getfixturevalue("empty_on")

    def make(name: str) -> str:
        engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {url.database}"))
        engine.dispose()
        return str(url.set(database=name).render_as_string(hide_password=False))

    return make


def configure(db_url: str) -> Config:
    config = Config()
    config.CourseDirectory.db_url = db_url
    config.AssignLatePenalties.plugin_class = Hourly
    return config


@pytest.fixture
def config(fresh: Callable[[str], str]) -> Config:
    return configure(fresh("ours"))


def url(config: Config) -> str:
    return str(config.CourseDirectory.db_url)


def by_hand(db_url: str, student: str, chance: random.Random) -> None:
    """What a person does in formgrader: scores, extra credit, comments, flags, extensions."""
    with Gradebook(db_url) as book:
        notebook = book.find_submission_notebook("one", MODULE, student)
        for grade in sorted(notebook.grades, key=lambda grade: grade.name):
            if chance.random() < 0.3:
                grade.manual_score = chance.choice([None, 0.1, 1.5])
                grade.extra_credit = chance.choice([None, 0.7])
                grade.needs_manual_grade = False
        for comment in sorted(notebook.comments, key=lambda comment: comment.name):
            comment.manual_comment = chance.choice([None, "Well said."])
        notebook.flagged = chance.random() < 0.3
        hours = chance.choice([0, 0, 5])
        book.find_submission(MODULE, student).extension = timedelta(hours=hours) if hours else None
        book.db.commit()


def set_due(db_url: str) -> None:
    with Gradebook(db_url) as book:
        book.update_or_create_assignment(MODULE, duedate=DUE)


@pytest.mark.slow
def test_a_term_of_grading_by_both(fresh: Callable[[str], str]) -> None:
    """Gradings, regradings and what people do between them, in the same order to both books."""
    chance = random.Random(4)  # noqa: S311
    ours, theirs = configure(fresh("ours")), configure(fresh("theirs"))
    with Writer(ours, MODULE, MASTERS), Writer(theirs, MODULE, MASTERS):
        pass
    set_due(url(ours))
    set_due(url(theirs))
    nbgrader = Nbgrader(theirs, url(theirs))
    penalties: set[float | None] = set()
    students = ["ann", "bob", "cid", "pardoned-dee"]
    for _ in range(3):
        with Writer(ours, MODULE, MASTERS) as book:
            for student in students:
                when = chance.choice([None, DUE, DUE + timedelta(hours=chance.uniform(0, 12))])
                notebooks = {name: executed(MASTERS[name], chance) for name in MASTERS}
                if chance.random() < 0.4:
                    notebooks[chance.choice(["one", "two"])] = None
                book.add(student, when, entries(notebooks))
                nbgrader.grade(student, when, notebooks)
        for student in students:
            seed = chance.random()
            for db_url in (url(ours), url(theirs)):
                by_hand(db_url, student, random.Random(seed))  # noqa: S311
        found = submissions(url(ours), MODULE)
        assert found == submissions(url(theirs), MODULE)
        assert cells(url(ours), MODULE) == cells(url(theirs), MODULE)
        assert formgrader(url(ours)) == formgrader(url(theirs))
        penalties |= {row[-1] for row in found["notebook"]}
    # The dice fell so that there was something to compare.
    assert {None, 0} < penalties
    assert len(penalties) > 4


def formgrader(db_url: str) -> list[dict[str, Any]]:
    """The numbers of formgrader's pages."""
    with Gradebook(db_url) as book:
        pages = [
            *book.student_dicts(),
            *book.submission_dicts(MODULE),
            *(row for name in MASTERS for row in book.notebook_submission_dicts(name, MODULE)),
        ]
    kept = [{key: rounded(value) for key, value in row.items() if key != "id"} for row in pages]
    return sorted(kept, key=repr)


def all_right(masters: dict[str, NotebookNode] = MASTERS) -> dict[str, Entry | None]:
    return entries({name: executed(masters[name], random.Random(1)) for name in masters})  # noqa: S311


def statements(writer: Writer) -> tuple[list[str], list[str]]:
    """What the writer says to the database from now on: statements, and ends of transactions."""
    said: list[str] = []
    ended: list[str] = []
    engine = writer._engine
    event.listen(engine, "before_cursor_execute", lambda *said_by: said.append(said_by[2]))
    event.listen(engine, "commit", lambda connection: ended.append("commit"))
    event.listen(engine, "rollback", lambda connection: ended.append("rollback"))
    return said, ended


def test_a_batch_is_one_transaction_and_as_many_statements_for_any_size(config: Config) -> None:
    counts = []
    with Writer(config, MODULE, MASTERS) as book:
        set_due(url(config))
        for size in (1, 10, 100):
            said, ended = statements(book)
            for number in range(size):
                book.add(f"s{number}", DUE + timedelta(hours=9), all_right())
            assert len(book) == size
            book.flush()
            assert (len(book), ended) == (0, ["commit"])
            counts.append(len(said))
        said, ended = statements(book)
        book.flush()
        assert (said, ended) == ([], []), "nothing to write, nothing said"
    assert max(counts) <= 15, counts
    assert len(set(counts)) == 1, counts
    assert len(submissions(url(config), MODULE)["student"]) == 100


def test_what_waits_is_written_on_leaving_but_not_after_an_error(config: Config) -> None:
    with Writer(config, MODULE, MASTERS) as book:
        book.add("ann", None, all_right())
    with pytest.raises(KeyboardInterrupt), Writer(config, MODULE, MASTERS) as book:
        book.add("bob", None, all_right())
        raise KeyboardInterrupt
    assert [row[0] for row in submissions(url(config), MODULE)["student"]] == ["ann"]


def test_a_batch_that_fails_is_not_written_at_all_and_waits(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(config, MODULE, MASTERS) as book:
        set_due(url(config))
        for student in ("ann", "bob"):
            book.add(student, DUE + timedelta(hours=3), all_right())

        def broken(self: Hourly, student: str, score: float, seconds: float) -> float:
            raise ZeroDivisionError("no such rule")

        with monkeypatch.context() as patch:
            patch.setattr(Hourly, "late_submission_penalty", broken)
            with pytest.raises(OnsiteError, match="no such rule"):
                book.flush()
        assert submissions(url(config), MODULE)["grade"] == []
        book.flush()
    assert [row[0] for row in submissions(url(config), MODULE)["student"]] == ["ann", "bob"]


def test_a_notebook_that_is_not_named_keeps_what_it_has(config: Config) -> None:
    with Writer(config, MODULE, MASTERS) as book:
        book.add("ann", DUE, all_right())
        book.flush()
        before = submissions(url(config), MODULE)
        book.add("ann", None, {"one": None})
        book.flush()
    after = submissions(url(config), MODULE)
    assert after["submission"] == before["submission"], "a time is not forgotten"
    assert [row for row in after["grade"] if row[1] == "two"] == [
        row for row in before["grade"] if row[1] == "two"
    ]
    assert {row[4:] for row in after["grade"] if row[1] == "one"} == {(0, None, None, False)}


def test_the_course_grows_between_two_batches(config: Config) -> None:
    grown = {**MASTERS, "two": source(more=True), "three": source()}
    with Writer(config, MODULE, MASTERS) as book:
        book.add("ann", DUE, all_right())
        book.flush()
        with Writer(config, MODULE, grown) as other:
            other.add("bob", DUE, all_right(grown))
        # This writer's cells are still there, with one more, which nobody earned anything in.
        book.add("cid", DUE, all_right())
        book.flush()
        found = {row[:3]: row[4:] for row in submissions(url(config), MODULE)["grade"]}
        for student in ("ann", "cid"):
            assert found[student, "two", "check-3"] == (None, None, None, True)
            assert found[student, "three", "check-1"] == (None, None, None, True)
            assert found[student, "three", "poster"] == (None, None, None, True)
        assert found["bob", "two", "check-3"] != (None, None, None, True)
        with Writer(config, MODULE, MASTERS):
            pass
        book.add("dee", DUE, all_right(grown))
        with pytest.raises(OnsiteError, match="check-3 of two is no longer in the gradebook"):
            book.flush()
        book._waiting.clear()


def test_a_person_who_grades_at_the_same_time(config: Config) -> None:
    """Two writers and formgrader at once: every batch lands, and no manual score is lost."""
    with Writer(config, MODULE, MASTERS) as book:
        for number in range(40):
            book.add(f"s{number:02}", DUE, all_right())
    failures: list[BaseException] = []

    def grade() -> None:
        try:
            with Writer(config, MODULE, MASTERS) as book:
                for start in range(0, 40, 10):
                    for number in range(start, start + 10):
                        book.add(f"s{number:02}", DUE, all_right())
                    book.flush()
        except BaseException as error:
            failures.append(error)

    graders = [threading.Thread(target=grade) for _ in range(2)]
    for grader in graders:
        grader.start()
    with Gradebook(url(config)) as book:
        for number in range(0, 40, 3):
            row = book.find_grade("check-1", "one", MODULE, f"s{number:02}")
            row.manual_score = number
            book.db.commit()
    for grader in graders:
        grader.join()
    assert failures == []
    found = submissions(url(config), MODULE)["grade"]
    manual = {row[0]: row[5] for row in found if row[1:3] == ("one", "check-1")}
    assert [manual[f"s{n:02}"] for n in range(40)] == [None if n % 3 else n for n in range(40)]


def test_a_locked_gradebook_is_waited_for_and_then_named(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onsite.grading.database.PATIENCE", 0.05)
    shutil.copy(empty, tmp_path)
    config = configure(f"sqlite:///{tmp_path}/gradebook.db")
    engine = create_engine(url(config))
    with Writer(config, MODULE, MASTERS) as book:
        book.add("ann", DUE, all_right())
        with engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            other.exec_driver_sql("UPDATE course SET id = id")
            with pytest.raises(OnsiteError, match="could not be written: database is locked"):
                book.flush()
            other.rollback()
        assert len(book) == 1
    engine.dispose()
    assert len(submissions(url(config), MODULE)["student"]) == 1


@pytest.mark.slow
def test_two_who_make_the_gradebook_at_once(tmp_path: Path) -> None:
    config = configure(f"sqlite:///{tmp_path}/gradebook.db")
    failures: list[BaseException] = []

    def start(name: str) -> None:
        try:
            with Writer(config, name, {"one": MASTERS["one"]}) as book:
                book.add("ann", DUE, all_right({"one": MASTERS["one"]}))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.db"]
    for name in ("first", "second"):
        assert len(submissions(url(config), name)["grade"]) == 4


def test_nbgraders_part_of_it_waits_as_long_as_ours(tmp_path: Path) -> None:
    with (
        Gradebook(patient(f"sqlite:///{tmp_path}/gradebook.db")) as book,
        book.engine.connect() as connection,
    ):
        (waits,) = connection.exec_driver_sql("PRAGMA busy_timeout").one()
    assert waits == PATIENCE * 1000
    assert patient("postgresql://ann:secret@b/c") == "postgresql://ann:secret@b/c"


def test_a_new_gradebook_is_what_nbgrader_makes(
    fresh: Callable[[str], str], server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tables(address: str) -> dict[str, Any]:
        engine = create_engine(address)
        with engine.connect() as connection:
            found = inspect(connection)
            (version,) = connection.execute(text("SELECT version_num FROM alembic_version")).one()
            made = {
                name: [repr(column) for column in found.get_columns(name)]
                for name in found.get_table_names()
            }
        engine.dispose()
        return made | {"version": version}

    theirs = fresh("theirs")
    ours = f"sqlite:///{tmp_path}/ours/gradebook.db"
    if not theirs.startswith("sqlite"):
        with server.connect(autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS ours WITH (FORCE)")
            connection.execute("CREATE DATABASE ours TEMPLATE template0")
        ours = theirs.replace("theirs", "ours")
    (tmp_path / "ours").mkdir()
    monkeypatch.setenv("PATH", "")  # nbgrader would start a program
    for _ in range(2):
        with Writer(configure(ours), MODULE, MASTERS):
            pass
    assert tables(ours) == tables(theirs)
    assert [path.name for path in (tmp_path / "ours").iterdir()] in ([], ["gradebook.db"])


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://ann:secret@host/grades", "mysql://ann:.*@host/grades is neither SQLite nor"),
        ("postgresql+nothing://host/grades", "db_url in nbgrader_config.py is no address"),
        ("grades.db", "db_url in nbgrader_config.py is no address"),
        ("sqlite:////no/such/folder/grades.db", "could not be opened: .*No such file"),
        ("postgresql+psycopg://ann:secret@127.0.0.1:1/grades", "could not be opened: .*refused"),
    ],
)
def test_addresses_that_do_not_work(address: str, message: str) -> None:
    config = configure(address)
    with pytest.raises(OnsiteError, match=message) as caught, Writer(config, MODULE, MASTERS):
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_nbgraders_own_tools_on_postgresql(server: Any, tmp_path: Path) -> None:
    """The form of the address is the one in docs/instructors.md."""
    course = tmp_path / "course"
    (course / "source" / MODULE).mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.db_url = {server.sqlalchemy_url!r}\n"
        "c.CourseDirectory.course_id = 'onsite'\n"
        "c.ExportApp.plugin_class = 'onsite.grading.nbgrader.export.MarkedExport'\n"
    )
    for name, notebook in MASTERS.items():
        nbformat.write(notebook, course / "source" / MODULE / f"{name}.ipynb")

    def nbgrader(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    nbgrader("generate_assignment", MODULE)
    config = configure(server.sqlalchemy_url)
    config.CourseDirectory.course_id = "onsite"
    with Writer(config, MODULE, MASTERS) as book:
        perfect = Entry((Score("check-1", 3, 3), Score("check-2", 0.3, 0.3)), {"answer": False})
        book.add("ann", DUE, {"one": perfect, "two": perfect})
        book.add("bob", DUE, {"one": perfect})
        book.add("eve", DUE, {"one": None})
    nbgrader("db", "upgrade")
    assert "ann" in nbgrader("db", "student", "list")
    nbgrader("export", "--to", "grades.csv")
    exported = (course / "grades.csv").read_text()
    assert ",ann,,,,6.6,0.0,6.6," in exported
    missed = {line.split(",")[3]: line.rpartition(",")[2] for line in exported.splitlines()}
    assert missed == {"student_id": "not_graded", "ann": "", "bob": "two", "eve": "two"}
