from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from onsite.course.model import Topic
from onsite.course.reader import read_topic
from onsite.course.syllabus import read_syllabus
from onsite.grading.prove import (
    ExerciseProof,
    Laboratory,
    prove_exercise,
    prove_topic,
    variant,
    write_report,
)

NOTEBOOKS = Path(__file__).parents[1] / "fixtures" / "course" / "notebooks"
TEXT = (NOTEBOOKS / "01-basics" / "adding.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with Laboratory() as lab:
        yield lab


def read(folder: Path, *edits: tuple[str, str], more: str = "") -> Topic:
    """The topic "adding" of the small course with some of its text replaced, and text added."""
    text = TEXT
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    path = folder / "adding.md"
    path.write_text(text + more, encoding="utf-8")
    plan = read_syllabus(NOTEBOOKS / "syllabus.yml")[0].topics[0]
    return read_topic(path, plan)


def prove_add(topic: Topic, lab: Laboratory) -> ExerciseProof:
    """The proof of its first exercise."""
    return prove_exercise(topic, topic.exercises[0], lab, lambda ended, more: None)


def failures(proof: ExerciseProof) -> list[tuple[str, str]]:
    return [(failure.proof, failure.what) for failure in proof.failures]


@pytest.mark.slow
def test_a_good_topic_is_proved(lab: Laboratory, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    proof = prove_topic(read(tmp_path), lab, lambda ended, more: steps.append((ended, more)))
    assert proof.proved
    add, total = proof.exercises
    assert (add.alternatives, add.wrong, add.mutants) == ((1, 1), (3, 3), (2, 2))
    assert total.mutants[0] == total.mutants[1] > 2
    assert add.kill_rate == 1.0
    assert sum(ended for ended, _ in steps) == sum(more for _, more in steps) > 15
    report = json.loads(write_report(tmp_path / "prove", proof).read_text())
    assert report["proved"] is True
    assert [e["exercise"] for e in report["exercises"]] == ["add", "total"]


def test_a_variant_has_what_the_checks_need_and_no_more(tmp_path: Path) -> None:
    topic = read(tmp_path)
    cells = json.loads(variant(topic, topic.exercises[1], "TEXT"))["cells"]
    assert [cell["id"] for cell in cells][2:] == ["subject", "total-check-1"]
    assert "class Calls" in cells[0]["source"]
    assert "def add" in cells[1]["source"]
    assert cells[2]["source"] == "TEXT"
    assert not any("one and two make" in cell["source"] for cell in cells)


@pytest.mark.slow
def test_a_solution_that_fails(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, ("got == -3", "got == -4")), lab)
    assert not proof.solution
    assert ("solution", "the solution fails at add-check-2: AssertionError: add(-5, 2)") in [
        (kind, what[:61]) for kind, what in failures(proof)
    ]
    assert proof.mutants == (0, 0)


@pytest.mark.slow
def test_an_alternative_that_fails(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, ("sum((a, b))", "sum((a, b, 1))")), lab)
    assert proof.alternatives == (0, 1)
    assert proof.solution
    assert failures(proof)[0][1].startswith("the alternative 'sums a pair'")


@pytest.mark.slow
def test_a_stub_that_passes_a_check(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(
        read(tmp_path, ('assert got == -3, f"add(-5, 2) returned {got!r}; mind the sign"',
                        'assert True, "mind the sign"'), ("got = add(-5, 2)", "")),
        lab,
    )  # fmt: skip
    assert not proof.stub
    assert ("stub", "the untouched stub passes add-check-2") in failures(proof)


@pytest.mark.slow
def test_a_stub_that_does_not_run(lab: Laboratory, tmp_path: Path) -> None:
    edit = ("### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION\n",
            "### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION\nadd(1, 1)\n")  # fmt: skip
    proof = prove_add(read(tmp_path, edit), lab)
    assert not proof.stub
    assert any("a student starts from fails" in what for _, what in failures(proof))


def test_a_wrong_answer_with_full_points(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, ("return a - b", "return b + a")), lab)
    assert proof.wrong == (2, 3)
    assert failures(proof) == [("wrong answers", "'subtracts' earns full points")]


@pytest.mark.slow
def test_a_wrong_answer_without_its_message(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, ('expect="returned None"', 'expect="prints"')), lab)
    ((kind, what),) = failures(proof)
    assert kind == "wrong answers"
    assert what.startswith(
        "'prints instead of returning': no message that a student sees contains 'prints': add-check"
    )
    assert proof.failures[0].line == TEXT[: TEXT.index("    print(a + b)")].count("\n")


@pytest.mark.slow
def test_a_wrong_answer_with_a_message_that_nobody_sees(lab: Laboratory, tmp_path: Path) -> None:
    edit = ('assert got == -3, f"add(-5, 2) returned {got!r}; mind the sign"',
            'assert {-3: True}[got]')  # fmt: skip
    proof = prove_add(read(tmp_path, edit, ('expect="mind the sign"', 'expect="7"')), lab)
    assert failures(proof) == [
        (
            "wrong answers",
            "'drops the sign': no message that a student sees contains '7': "
            "add-check-2: KeyError: 7",
        )
    ]


def test_a_mutant_that_survives(lab: Laboratory, tmp_path: Path) -> None:
    edit = ("    return a + b\n    ###", "    a.real if a > 1000 else a\n    return a + b\n    ###")
    proof = prove_add(read(tmp_path, edit), lab)
    killed, total = proof.mutants
    assert 0 < killed < total
    assert proof.kill_rate == killed / total
    assert all(kind == "mutants" for kind, _ in failures(proof))
    assert "no check notices  a.real if a > 1000 else a  =>  a.real if a >= 1000 else a" in [
        what for _, what in failures(proof)
    ]
    line = TEXT[: TEXT.index("    return a + b\n    ###")].count("\n") + 1
    assert {survivor.line for survivor in proof.survivors} == {line}


SURVIVOR = """
<!-- #region survivor="add" change="{}" -->
It does nothing.
<!-- #endregion -->
"""


def test_accepted_survivors(lab: Laboratory, tmp_path: Path) -> None:
    edit = ("    return a + b\n    ###", "    a.real if a > 1000 else a\n    return a + b\n    ###")
    proof = prove_add(read(tmp_path, edit, more=SURVIVOR.format("a.real if a")), lab)
    assert proof.proved
    assert proof.kill_rate < 1
    assert {survivor.reason for survivor in proof.survivors} == {"It does nothing."}


@pytest.mark.slow
def test_an_accepted_survivor_that_is_none(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, more=SURVIVOR.format("never there")), lab)
    assert failures(proof) == [
        ("mutants", "the accepted survivor 'never there' matches no mutant that survived")
    ]


@pytest.mark.slow
def test_a_mutant_that_hangs_is_killed_by_time(lab: Laboratory, tmp_path: Path) -> None:
    edit = ("    return a + b\n    ###",
            "    n = 0\n    while n != 10:\n        n += 5\n    return a + b\n    ###")  # fmt: skip
    proof = prove_add(read(tmp_path, edit), lab)
    # `n += 5` => `pass` never ends.
    assert not any("pass" in survivor.diff for survivor in proof.survivors)


@pytest.mark.slow
def test_checks_that_need_each_other(lab: Laboratory, tmp_path: Path) -> None:
    proof = prove_add(read(tmp_path, ("got = add(-5, 2)\n", "got = add(got - 8, 2)\n")), lab)
    assert not proof.order
    assert [what[:39] for kind, what in failures(proof) if kind == "order"] == [
        "in the opposite order, the solution fai"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["__import__('random').randrange(9) == {}", "hash('x') == {}"])
def test_checks_that_depend_on_the_seed(lab: Laboratory, tmp_path: Path, source: str) -> None:
    topic = read(tmp_path, ("got = add(-5, 2)\n", f"got = add(-5, 2)\nassert {source}\n"))
    found = lab.try_out(
        topic, topic.exercises[0], f"print({source.split(' ==')[0]})\ndef add(a, b): return a + b"
    )
    printed = found.result().result["subject"].outputs[0]["text"].strip()
    assert re.fullmatch(r"-?\d+", printed)
    (tmp_path / "adding.md").write_text(
        (tmp_path / "adding.md").read_text().replace("== {}", f"== {printed}")
    )
    topic = read_topic(tmp_path / "adding.md", topic.plan)
    proof = prove_add(topic, lab)
    assert proof.solution
    assert not proof.order
    assert any(what.startswith("under another seed") for _, what in failures(proof))
