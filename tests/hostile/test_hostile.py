"""Every file of the corpus against this grader: a batch for each group, a test for each file."""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hostile import batch
from tests.hostile.arena import bubblewrap
from tests.hostile.corpus import GROUPS, Attack, CorpusError, attacks, read
from tests.hostile.course import FULL
from tests.hostile.watch import Student, Verdict

from onsite.errors import OnsiteError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
#: For a whole group; each submission has its own, shorter limits.
SECONDS = 420.0
Once = Callable[[str, Callable[[], bytes]], bytes]
Judge = Callable[[str], Verdict]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Has work done once, also when several processes test."""
    top = tmp_path_factory.getbasetemp()
    top = top if worker_id == "master" else top.parent

    def once(name: str, work: Callable[[], bytes]) -> bytes:
        path = top / f"hostile-{name}"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_bytes(work())
            return path.read_bytes()

    return once


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory, once: Once) -> bytes:
    """The course that is attacked, as tar."""
    try:
        bubblewrap()
    except OnsiteError as error:
        pytest.skip(f"hostile code is run only inside an arena: {error}")
    return once("course.tar", lambda: batch.prepare(tmp_path_factory.mktemp("hostile") / "course"))


@pytest.fixture(scope="session")
def judge(course: bytes, once: Once) -> Judge:
    """What came of a group's batch."""

    def of(group: str) -> Verdict:
        members = [attack for attack in attacks() if attack.group == group]

        def work() -> bytes:
            verdict = batch.grade(course, "onsite", members, SECONDS)
            return json.dumps(dataclasses.asdict(verdict)).encode()

        said = json.loads(once(group, work))
        students = {name: Student(**each) for name, each in said.pop("students").items()}
        return Verdict(students=students, **said)

    return of


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.id)
def test_nothing_is_gained(attack: Attack, judge: Judge) -> None:
    student = judge(attack.group).students[attack.id]
    assert student.points == attack.earns, student
    assert student.read == []
    if attack.reported is not None:
        assert bool(student.suspicions) == attack.reported, student.suspicions
    if attack.earns is None:
        assert student.problem, "a submission without a grade must say why"


@pytest.mark.parametrize("group", GROUPS)
def test_nobody_else_is_touched_and_nothing_stays(group: str, judge: Judge) -> None:
    verdict = judge(group)
    assert verdict.disturbed == [], verdict.log
    assert verdict.left == []


def test_the_same_files_harm_stock_nbgrader(course: bytes) -> None:
    # One for each harm, none of which hides another's; benchmarks/hostile.py has all of them.
    harms = {
        "break-os-exit": "loses",
        "forge-skip-execution-tag": "earns",
        "stay-course-config": "disturbs",
        "stay-ipython-startup": "leaves",
        "steal-source": "reads",
    }
    some = [attack for attack in attacks() if attack.id in harms]
    assert {attack.id: attack.stock for attack in some} == harms
    verdict = batch.grade(course, "stock", some, SECONDS)
    seen = verdict.students
    assert seen["break-os-exit"].points is None, verdict.log
    assert (seen["forge-skip-execution-tag"].points or 0) > 0, verdict.log
    assert "source/01-target/shop.ipynb was changed" in verdict.disturbed, verdict.log
    assert any("00-hostile.py" in path for path in verdict.left), verdict.log
    assert "solution" in seen["steal-source"].read, verdict.log
    assert seen["a-first"].points == FULL, verdict.log


def test_there_are_enough_of_each_group() -> None:
    found = attacks()
    assert len(found) >= 80
    assert {attack.group for attack in found} == {*GROUPS}
    assert len({attack.id for attack in found}) == len(found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('"""Short."""\nEARNS = 0\nSTOCK = "earns"\nCELLS = {}', "no story"),
        ('STORY\nSTOCK = "earns"\nCELLS = {}', "lacks EARNS"),
        ("STORY\nEARNS = 0\nCELLS = {}", "lacks STOCK"),
        ('STORY\nEARNS = 0\nSTOCK = "a lot"\nCELLS = {}', "says of STOCK"),
        ('STORY\nEARNS = 0\nSTOCK = "earns"', "submits nothing"),
        ('STORY\nEARNS = 0\nSTOCK = "earns"\nCELL = {}', "CELL, which nobody reads"),
        ('STORY\nEARNS = 0\nSTOCK = "earns"\nSOLVED = ("x",)\nCELLS = {}', "no exercise"),
    ],
)
def test_a_file_has_to_declare_what_it_expects(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "attack.py"
    story = '"""A story that is long enough: it says what is done, to whom, and why it may work."""'
    path.write_text(text.replace("STORY", story))
    with pytest.raises(CorpusError, match=complaint):
        read(path)
