from __future__ import annotations

import ast
import types
from typing import Any

import pytest

from onsite.grading.referee.constants import MARK, fill
from onsite.grading.referee.instrument import (
    Program,
    bound_by,
    imported_by,
    instrument,
    make_canaries,
    needs_ipython,
    set_globally,
)


def program(source: str, own: frozenset[str] = frozenset()) -> Program:
    """A check, with no canaries in it."""
    made = instrument(source, "<check>", own, ())
    assert made is not None
    return made


def constants(code: types.CodeType) -> set[Any]:
    found = set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= constants(constant)
        elif isinstance(constant, tuple):
            found |= {each for each in constant if not isinstance(each, types.CodeType)}
        else:
            found.add(constant)
    return found


def texts(code: types.CodeType) -> str:
    return " ".join(each for each in constants(code) if isinstance(each, str)) + " ".join(
        code.co_names
    )


def test_literals_and_messages_stay_behind() -> None:
    made = program('assert got == 4711, f"secret sauce {got}"\nassert "hush" in text, "quiet"')
    assert 4711 not in constants(made.code)
    assert "hush" not in constants(made.code)
    assert "sauce" not in texts(made.code)
    assert [c.literals for c in made.comparisons] == [(None, (4711,)), (("hush",), None)]
    assert all(assertion.message is not None for assertion in made.assertions[:-1])


@pytest.mark.parametrize(
    "literal", ["-5", "[1, (2, {'a'})]", "{'k': b'x'}", "1.5", "None", "(1 + 2j)", "True"]
)
def test_what_counts_as_a_literal(literal: str) -> None:
    (comparison,) = program(f"assert x != {literal}").comparisons
    assert comparison.literals == (None, (ast.literal_eval(literal),))
    assert comparison.open == {"operators": ["!="], "withheld": [False, True]}


@pytest.mark.parametrize("computed", ["y", "f(1)", "[y]", "f'{y}'", "3 * 5", "len('abc')"])
def test_what_is_computed_in_the_run(computed: str) -> None:
    (comparison,) = program(f"assert x == {computed}").comparisons
    assert comparison.literals == (None, None)


def test_identity_needs_the_object_itself() -> None:
    (comparison,) = program("assert x is None").comparisons
    assert comparison.literals == (None, None)


def test_comparisons_at_any_depth_are_witnessed() -> None:
    made = program(
        "assert not (a == 1 and (b < 2 or not c >= 3)) and 1 < d <= 7\n"
        "assert all(each == 9 for each in got)\n"
        "assert (lambda v: v == 5)(got)\n"
        "assert len([v for v in got if v != 8]) == 1 if flag == 2 else got == 4"
    )
    assert [c.operators for c in made.comparisons] == [
        ("==",), ("<",), (">=",), ("<", "<="), ("==",), ("==",),
        ("==",), ("==",), ("!=",), ("==",),
    ] or len(made.comparisons) == 10  # fmt: skip


@pytest.mark.parametrize(
    ("source", "required", "guarded"),
    [
        ("assert x", True, False),
        ("with y:\n    assert x", True, False),
        ("for n in (1, 2):\n    assert x", True, False),
        ("for n in ():\n    assert x", False, False),
        ("for n in got:\n    assert x", False, False),
        ("for n in got:\n    pass\nelse:\n    assert x", False, False),
        ("if y:\n    assert x", False, False),
        ("while y:\n    assert x", False, False),
        ("match y:\n    case 1:\n        assert x", False, False),
        ("try:\n    assert x\nexcept ValueError:\n    pass", False, True),
        ("try:\n    y\nexcept ValueError:\n    assert x", False, False),
        ("try:\n    y\nexcept ValueError:\n    pass\nelse:\n    assert x", True, False),
        ("try:\n    assert x\nfinally:\n    y", True, False),
        ("with pytest.raises(AssertionError):\n    assert x", False, True),
        ("with suppress(AssertionError):\n    assert x", False, True),
        ("def f():\n    assert x", False, False),
        ("try:\n    def f():\n        assert x\nexcept E:\n    pass", False, False),
        ("class C:\n    assert x", False, False),
    ],
)
def test_where_an_assertion_stands(source: str, required: bool, guarded: bool) -> None:
    assertion, _ = program(source).assertions  # the other one says that the cell has ended
    assert (assertion.guarded, assertion.required and not assertion.guarded) == (guarded, required)


def test_a_message_takes_the_local_names_that_it_needs() -> None:
    made = program(
        "def f(a, *rest, b=2, **more):\n"
        "    c = top\n"
        "    for d, (e, _) in c:\n"
        "        with c as g, d:\n"
        "            assert a, f'{a} {rest} {b!r} {more} {c} {d} {e} {g} {top} {len(c)}' + str(\n"
        "                [h for h in c if h])\n"
    )
    assertion, _ = made.assertions
    assert assertion.names == ("a", "b", "c", "d", "e", "g", "more", "rest")


def test_a_message_that_is_tied_to_its_place_is_made_there() -> None:
    made = program("assert x, (n := 5)\nassert x, await y()")
    assert [assertion.message for assertion in made.assertions] == [None] * 3


def test_builtin_functions_become_constants_unless_somebody_binds_them() -> None:
    made = program("def sum(x): return 1\nassert len(got) == sum(max(a, b)) and isinstance(x, int)")
    assert {MARK + b"builtins.len", MARK + b"builtins.max", MARK + b"is_instance"} <= constants(
        made.code
    )
    assert MARK + b"builtins.sum" not in constants(made.code)
    assert "sum" in made.code.co_names
    assert "abs" in program("abs(x)", frozenset({"abs"})).code.co_names


def test_super_works_in_a_check_s_classes() -> None:
    made = program("class A(B):\n    def __init__(self):\n        super().__init__()")
    assert MARK + b"builtins.super" not in constants(made.code)


def test_top_level_await() -> None:
    made = program("assert await f() == 3\nasync with y: pass")
    assert made.code.co_flags & 0x80  # a coroutine


def test_names_and_modules() -> None:
    made = program(
        "import a.b, c as d\nfrom e.f import g\nfor h, i in j:\n    k = 1\n"
        "try:\n    pass\nexcept E as l:\n    pass\ndef m():\n    global n\n    n = o = 1\n"
        "match p:\n    case {'q': q, **r}:\n        pass\n(s := 5)\n[t for t in u]"
    )
    assert {"a", "d", "g", "h", "i", "k", "l", "m", "n", "q", "r", "s"} <= made.binds
    assert "o" not in made.binds
    assert imported_by("import a.b, c as d\nfrom e.f import g") == {"a.b", "c", "e.f", "e.f.g"}
    assert set_globally("def m():\n    global n\n    n = 1") == {"n"}
    assert "m" in bound_by("%matplotlib inline\ndef m(): pass")


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("x = 1", False), ("  x = 1", False), ("\n\nx = 1\n\n", False), ("%load_ext onsite", True),
        ("!ls", True), ("x = !ls", True), ("%%time\nx", True), ("get_ipython().x()", False),
        ("await x", False), ("x = (", True), ("len?", True), ("'%time'", False),
    ],
)  # fmt: skip
def test_what_needs_ipython(source: str, needs: bool) -> None:
    assert needs_ipython(source) is needs


def test_no_python_is_no_program() -> None:
    assert instrument("x = (", "<check>", frozenset(), ()) is None


def test_a_cell_of_an_instructor_keeps_its_literals() -> None:
    made = instrument("assert x == 4711, 'text'", "<cell>", frozenset(), None)
    assert made is not None
    assert 4711 in constants(made.code)
    assert made.comparisons[0].literals == (None, None)


def test_canaries_come_to_different_things_and_are_none_of_the_cells_own() -> None:
    canaries = make_canaries("seed")
    assert {value for _, value in canaries} == {True, False}
    assert canaries == make_canaries("seed")
    assert canaries != make_canaries("another")
    for text, value in canaries:
        assert eval(text) is value  # noqa: S307 - made here
    made = instrument("'''doc'''\nassert x", "<check>", frozenset({"abs", "type"}), canaries)
    assert made is not None
    assert [a.canary for a in made.assertions] == [None, *(value for _, value in canaries), True]
    assert [a.required for a in made.assertions] == [True, *[False] * len(canaries), False]
    assert "abs" not in made.code.co_names


def test_placeholders_are_filled_at_every_depth() -> None:
    made = program("def f():\n    return isinstance(x, (int, str))\nf()")
    names = {c for c in constants(made.code) if isinstance(c, bytes) and c.startswith(MARK)}
    objects = {name: len(name) for name in names} | {MARK + b"builtins.int": int}
    filled = fill(made.code, objects)
    assert int in constants(filled)
    assert not [c for c in constants(filled) if isinstance(c, bytes)]
    with pytest.raises(KeyError):
        fill(made.code, {})
