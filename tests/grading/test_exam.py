"""One notebook, graded: what is the student's doing and what is the machine's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.grading.notebooks import cell, notebook

from onsite.grading.blame import faults, names_of
from onsite.grading.exam import Exam, Turns
from onsite.grading.outcome import TopicGrade
from onsite.grading.restore import Notebook, master, read_submission, restore
from onsite.grading.result import CellResult, RunResult
from onsite.grading.runner import Runner
from onsite.grading.servers import shared_servers

BOARD = "class Board:\n    size = 3"
ONE = "def one():\n    return 1"
HELPERS = (
    "def make() -> Board:\n    return Board()\n\n\nclass Loud(Board):\n    pass\n\n\n"
    "def later():\n    return Board.size"
)


def own(grade_id: str, source: str, **roles: Any) -> dict[str, Any]:
    roles = {"grade": False, "solution": False, "locked": True, "task": False} | roles
    said = {"grade_id": grade_id, "schema_version": 3, **roles}
    return cell(source, nbgrader=said)


def solution(grade_id: str, source: str) -> dict[str, Any]:
    marked = f"### BEGIN SOLUTION\n{source}\n### END SOLUTION"
    return own(grade_id, marked, solution=True, locked=False)


def check(grade_id: str, source: str, points: int) -> dict[str, Any]:
    return own(grade_id, source, grade=True, points=points)


def source_of(setup: str, *, board: str = BOARD) -> bytes:
    """A notebook of source/ whose preparation depends on the machine, and on an exercise."""
    return notebook(
        own("setup", setup),
        solution("board", board),
        own("helpers", HELPERS),
        check("board-check-1", "assert make().size == 3\nassert Loud.size == later() == 3", 2),
        solution("one", ONE),
        check("one-check-1", "assert one() == 1", 1),
    )


def work(source: bytes, **answers: str) -> bytes:
    """The notebook with other answers."""
    content = json.loads(source)
    for each in content["cells"]:
        grade_id = each["metadata"]["nbgrader"]["grade_id"]
        each["source"] = answers.get(grade_id, each["source"])
    return json.dumps(content).encode()


class Machine:
    """What ails a machine, run by run.

    `x` is a run in which it fails, `o` one in which a limit is passed, `.` one in which it is well.
    """

    def __init__(self, folder: Path, plan: str) -> None:
        self._plan = folder / "plan"
        self._plan.write_text(plan)
        self._length = len(plan)
        self.setup = (
            f"from pathlib import Path\n\nplan = Path({str(self._plan)!r})\n"
            "now, rest = plan.read_text()[:1], plan.read_text()[1:]\nplan.write_text(rest)\n"
            "if now == 'x':\n    raise ConnectionError('no server')\n"
            "while now == 'o':\n    print('server?' * 10_000)"
        )

    @property
    def runs(self) -> int:
        """How many there were."""
        return self._length - len(self._plan.read_text())


def exam(source: bytes) -> Exam:
    return Exam("shop", master(source), source)


FAULT = "setup, which is not the student's, failed: ConnectionError: no server"
FLOOD = (
    "setup, which is not the student's, failed: OutputLimitError: "
    "the cell printed or displayed more than 4,194,304 bytes, or the notebook more than 33,554,432"
)


def outcome(grade: TopicGrade) -> str | float:
    """The problem, or else the points."""
    return grade.problem or grade.points


def test_a_syntax_error_costs_what_needs_that_cell(bare: Runner, tmp_path: Path) -> None:
    machine = Machine(tmp_path, "." * 9)
    source = source_of(machine.setup)
    handed_in = work(source, board="class Board\n    size = 3")
    grade = exam(source).grade(bare, handed_in)
    assert outcome(grade) == 1
    assert grade.max_points == 3
    assert machine.runs == 2, "the solution, and the submission, which need not be repeated"


@pytest.mark.parametrize("board", ["Board = 3", "def Board():\n    pass", "from enum import Enum"])
def test_what_the_students_object_does_to_a_helper_costs_points(
    bare: Runner, tmp_path: Path, board: str
) -> None:
    source = source_of(Machine(tmp_path, "." * 9).setup)
    assert outcome(exam(source).grade(bare, work(source, board=board))) == 1


def test_while_the_machine_fails_that_may_be_the_machine(bare: Runner, tmp_path: Path) -> None:
    machine = Machine(tmp_path, "...x" + ".." + "..x" + "..")
    source = source_of(machine.setup)
    odd = work(source, board="Board = 3")
    tried = exam(source)
    assert outcome(tried.grade(bare, odd)) == FAULT
    assert machine.runs == 4
    # whoever comes next finds the machine well again, each time
    assert [outcome(tried.grade(bare, each)) for each in (source, odd, source)] == [3, FAULT, 3]
    assert machine.runs == 11


@pytest.mark.parametrize("answers", [{}, {"board": "class Board\n    size = 3"}])
def test_a_server_that_is_down_is_no_zero(
    bare: Runner, tmp_path: Path, answers: dict[str, str]
) -> None:
    machine = Machine(tmp_path, ".xx.....")
    source = source_of(machine.setup)
    assert outcome(exam(source).grade(bare, work(source, **answers))) == FAULT
    assert machine.runs == 3


@pytest.mark.slow
def test_a_database_that_is_down_is_no_zero() -> None:
    setup = "from onsite.services import postgres\n\npg = postgres()\ndb = pg.connect()"
    source = source_of(setup)
    submission = work(source, board="class Board\n    size = 3")
    tried = exam(source)
    with shared_servers(["postgres"]) as environment, Runner(environment=environment) as up:
        assert outcome(tried.grade(up, submission)) == 1
    nobody = {"ONSITE_POSTGRES_URL": "postgresql://127.0.0.1:1/nobody"}
    with Runner(environment=nobody) as down:
        assert (
            "setup, which is not the student's, failed: " in tried.grade(down, submission).problem
        )


def test_what_fails_once_is_repeated(bare: Runner, tmp_path: Path) -> None:
    machine = Machine(tmp_path, ".x.")
    source = source_of(machine.setup)
    assert outcome(exam(source).grade(bare, source)) == 3
    assert machine.runs == 3


def test_a_fault_of_the_solutions_run_is_repeated_and_forgotten(
    bare: Runner, tmp_path: Path
) -> None:
    source = source_of(Machine(tmp_path, "x..").setup)
    assert outcome(exam(source).grade(bare, source)) == 3
    machine = Machine(tmp_path, "xx....")
    tried = exam(source_of(machine.setup))
    assert [outcome(tried.grade(bare, source)) for _ in range(3)] == [FAULT, 3, 3]
    assert machine.runs == 5


def test_a_solution_that_earns_too_little_is_the_machines_fault(bare: Runner) -> None:
    source = source_of("", board="class Board:\n    size = 4")
    tried = exam(source)
    expected = "the course's own solution gets 0 of 2 points for board-check-1 on this machine"
    assert {outcome(tried.grade(bare, source)) for _ in range(3)} == {expected}


def test_a_topic_that_really_fails_does_not_double_the_work(bare: Runner, tmp_path: Path) -> None:
    machine = Machine(tmp_path, "x" * 60)
    tried = exam(source_of(machine.setup))
    data = source_of(machine.setup)
    assert {outcome(tried.grade(bare, data)) for _ in range(20)} == {FAULT}
    assert machine.runs == 10, "two for the 1st, 2nd, 4th, 8th and 16th"


def test_turns() -> None:
    turns = Turns()
    assert [number for number in range(1, 40) if turns.due()] == [1, 2, 4, 8, 16, 32]


def test_cells_are_called_what_nbgrader_calls_them(bare: Runner) -> None:
    source = source_of("")
    grade = exam(source).grade(bare, work(source, one="def one():\n    return 2"))
    said = {each["cell"]: each for each in grade.account()["cells"]}
    assert list(said) == ["setup", "board", "helpers", "board-check-1", "one", "one-check-1"]
    assert said["one-check-1"]["assertions"] == [{"line": 1, "came_to": "did not hold"}]


@pytest.mark.parametrize(
    ("plan", "expected"), [(".oo.", 3.0), (".ooo", FLOOD), (".o.", 3.0), ("oo", FLOOD)]
)
def test_a_preparation_that_passes_a_limit_is_no_zero(
    bare: Runner, tmp_path: Path, plan: str, expected: str | float
) -> None:
    machine = Machine(tmp_path, plan)
    source = source_of(machine.setup)
    assert outcome(exam(source).grade(bare, source)) == expected
    assert machine.runs == len(plan)


def test_an_answer_that_passes_a_limit_costs_points(bare: Runner, tmp_path: Path) -> None:
    machine = Machine(tmp_path, "." * 9)
    content = json.loads(source_of(machine.setup))
    content["cells"][2]["source"] = "size = Board().size"
    content["cells"][3]["source"] = "assert size == 3"
    source = json.dumps(content).encode()
    endless = (
        "class Board:\n    @property\n    def size(self):\n        while True: print('?' * 9999)"
    )
    assert outcome(exam(source).grade(bare, work(source, board=endless))) == 1
    assert machine.runs == 4, "the solution, the submission twice, and the solution again"


# --- whose doing it is ------------------------------------------------------------------------


@pytest.fixture
def run() -> Iterator[Any]:
    """Says what becomes of a notebook whose helper cell fails with that error."""

    def failed(helpers: str, name: str, message: str) -> str:
        source = source_of("import math\n\ndb = math.e\n\n\ndef used():\n    return Board")
        content = json.loads(source)
        content["cells"][2]["source"] = helpers
        source = json.dumps(content).encode()
        made: Notebook = restore(read_submission(source), master(source))
        cells = tuple(
            CellResult(index, each["id"], "error", (), name, message)
            if each["metadata"]["nbgrader"]["grade_id"] == "helpers"
            else CellResult(index, each["id"], "ok")
            for index, each in enumerate(made.cells)
        )
        found = faults(made, RunResult(cells, "complete", b"", 1.0), names_of(content["cells"]))
        return "student" if not found.why else "doubtful" if found.doubtful else "machine"

    yield failed


@pytest.mark.parametrize(
    ("helpers", "error", "whose"),
    [
        ("x = 1", ("NameError", "name 'Board' is not defined"), "student"),
        ("x = 1", ("NameError", "name 'db' is not defined. Did you mean: 'do'?"), "student"),
        ("x = 1", ("NameError", "name 'libpq' is not defined"), "machine"),
        ("x = 1", ("MemoryError", ""), "machine"),
        ("x = db.connect()", ("OperationalError", "Board"), "machine"),
        ("def f():\n    return Board()", ("OSError", ""), "machine"),
        ("async def f():\n    return Board()", ("OSError", ""), "machine"),
        ("f = lambda: Board", ("OSError", ""), "machine"),
        ("def f(x: Board):\n    pass", ("TypeError", ""), "doubtful"),
        ("def f() -> list[Board]:\n    pass", ("TypeError", ""), "doubtful"),
        ("def f(x=Board()):\n    pass", ("TypeError", ""), "doubtful"),
        ("@Board\ndef f():\n    pass", ("TypeError", ""), "doubtful"),
        ("class C(Board):\n    pass", ("TypeError", ""), "doubtful"),
        ("class C:\n    x = Board.size", ("AttributeError", ""), "doubtful"),
        ("class C:\n    def f(self):\n        return Board", ("OSError", ""), "machine"),
        ("x = used()", ("AttributeError", ""), "doubtful"),
        ("def f():\n    return used()\n\ny = [f]\nx = y[0]()", ("TypeError", ""), "doubtful"),
        ("%precision 2\nx = Board()", ("TypeError", ""), "doubtful"),
    ],
)
def test_whose_doing_it_is(run: Any, helpers: str, error: tuple[str, str], whose: str) -> None:
    assert run(helpers, *error) == whose


@pytest.mark.parametrize("demo", ["-" * 5_000 + "1", "a;" * 300_000], ids=["deep", "long"])
def test_a_demo_that_no_parser_likes(bare: Runner, demo: str) -> None:
    source = source_of("x = 1")
    handed_in = json.loads(work(source, one="def one():\n    return missing"))
    handed_in["cells"].append(cell(demo, onsite={"role": "demo", "name": "mine"}))
    started = time.process_time()
    grade = exam(source).grade(bare, json.dumps(handed_in).encode())
    assert (grade.problem, grade.points) == ("", 2)
    assert time.process_time() - started < 5
