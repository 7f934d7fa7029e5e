from __future__ import annotations

import ast
import textwrap

import pytest

from onsite.grading.mutants import mutants


def changes(body: str, around: str = "") -> list[str]:
    """The diffs of mutants of a function with this solution."""
    body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    source = f"{around}def f(a, b):\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION\n"
    found = list(mutants(source))
    for mutant in found:
        ast.parse(mutant.source)
        assert mutant.source != source
    return [mutant.diff for mutant in found]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("x = a < b", ["x = a <= b", "x = a >= b"]),
        ("x = a == b", ["x = a != b"]),
        ("x = a is None", ["x = a is not None"]),
        ("x = a + b", ["x = a - b"]),
        ("x = a % b", ["x = a // b"]),
        ("x = -a", ["x = a"]),
        ("x = f(1)", ["x = f(2)", "x = f(0)"]),
        ("x = True", ["x = False"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x =  a".replace("  ", " ")]),
        ("a.x = b", ["pass"]),
        ("a.x()", ["pass"]),
        ("raise a", ["pass"]),
        ("return a", ["return None"]),
        ("return True", ["return False"]),
        ("a += b", ["pass"]),
    ],
)
def test_each_kind_of_mutant(body: str, after: list[str]) -> None:
    assert changes(body) == [f"{body}  =>  {each}" for each in after]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("try:\n    x = a\nexcept a.b as e:\n    x = b", "except FloatingPointError as e:"),
        ("try:\n    x = a\nexcept (A, b.B):\n    x = b", "except (A, FloatingPointError):"),
        ("for x in a:\n    y = x", "for x in []:"),
        ("while a:\n    break", "while not a:"),
        ("for x in a:\n    break", "continue"),
        ("@a\ndef g():\n    x = b", "(nothing)"),
        ("x = a if b else a", "x = a if not b else a"),
    ],
)
def test_mutants_of_blocks(body: str, after: str) -> None:
    assert any(change.endswith(f"=>  {after}") for change in changes(body))


def test_only_solutions_are_changed() -> None:
    source = """
    def given(a):
        return a + 1

    def asked(a):
        if a > 5:
            ### BEGIN SOLUTION
            return a - 1
            ### END SOLUTION
        return a * 7
    """
    found = list(mutants(textwrap.dedent(source)))
    assert {mutant.line for mutant in found} == {8}
    assert len(found) == 4


@pytest.mark.parametrize(
    "body",
    [
        '"""Add 1 to 2."""\nx = a',
        "x: int | None = a",
        "x = a  # less than 1 < 2",
        "def g(n: int | None) -> 'a + b': x = n",
        "import json",
        "pass",
    ],
)
def test_what_is_not_worth_a_mutant(body: str) -> None:
    assert changes(body) == []


def test_no_two_mutants_mean_the_same() -> None:
    # `not a < b` and `a >= b` are one mistake; so is the negation of `a == b` and `a != b`.
    assert changes("if a < b:\n    x = a") == [
        "if a < b:  =>  if a <= b:",
        "if a < b:  =>  if a >= b:",
    ]
    assert changes("if a == b:\n    x = a") == ["if a == b:  =>  if a != b:"]


def test_top_level_await_and_lines_of_other_alphabets() -> None:
    source = (
        "### BEGIN SOLUTION\nx = await g('é')\nawait h('日本', x); y = 'é' + x\n### END SOLUTION"
    )
    assert [m.diff.split("=>  ")[1] for m in mutants(source)] == [
        "await h('日本', x); y = 'é' - x",
        "pass; y = 'é' + x",
    ]


@pytest.mark.parametrize(
    "source", ["%%writefile x\n### BEGIN SOLUTION\na: 1\n### END SOLUTION", ""]
)
def test_cells_that_are_not_python_have_no_mutants(source: str) -> None:
    assert list(mutants(source)) == []


def test_statements_over_several_lines() -> None:
    assert changes("a.call(\n    b,\n)") == ["a.call( b, )  =>  pass"]
