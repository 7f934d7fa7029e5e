"""A check's code means as a function what it means as a module, and its names are its own."""

from __future__ import annotations

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.runner import Runner

SETUP = """
import math
LIMIT = 3
total = 10
def fetch(): return "real"
"""
STUDENT = """
def square(x): return x * x
def call(): return fetch()
def read(name): return globals().get(name, "nothing")
def write(name, value): globals()[name] = value
"""
#: What checks may do at their top level, each in a check of its own.
CHECKS = {
    "it reads what it then binds": "total += 1\nassert total == 11\nassert read('total') == 11",
    "a name from before that it takes away": (
        "del total\nassert read('total') == 'nothing'\n"
        "try:\n    total\nexcept NameError as error:\n    said = error\n"
        "else:\n    said = None\nassert isinstance(said, NameError)"
    ),
    "the answer finds what it binds": "def fetch(): return 'mine'\nassert call() == 'mine'",
    "a loop": (
        "seen = []\nfor n, (a, *rest) in enumerate([(1, 2), (3, 4)]):\n"
        "    seen.append((read('n'), read('a'), read('rest')))\n"
        "assert seen == [(0, 1, [2]), (1, 3, [4])]\nassert (n, a, rest) == (1, 3, [4])"
    ),
    "a context": (
        "import contextlib\nwith contextlib.nullcontext(4) as four:\n"
        "    assert read('four') == square(2)"
    ),
    "an expression that binds": (
        "if (got := square(3)) == 9 and read('got') == 9:\n    good = True\nassert good\n"
        "assert [last := n for n in range(3)] == [0, 1, 2]\nassert last == read('last') == 2"
    ),
    "a pattern": (
        "match [1, 2, {'x': 3}]:\n    case [one, *_, {**more}] if one:\n"
        "        assert (read('one'), read('more')) == (1, {'x': 3})"
    ),
    "an error by name": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    said = str(error)\n"
        "assert said == 'division by zero'\nassert read('error') == 'nothing'"
    ),
    "functions and classes called as in a module": (
        "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n"
        "    class Inner: pass\n"
        "def named(): return lambda: 1\n"
        "assert repr(Point(1)) == 'Point(x=1)'\nassert Point.Inner.__qualname__ == 'Point.Inner'\n"
        "assert named().__qualname__ == 'named.<locals>.<lambda>'\n"
        "assert pickle.loads(pickle.dumps(Point(2))) == Point(2)\n"
        "assert pickle.loads(pickle.dumps(named)) is named"
    ),
    "a class that reads a name as its own": (
        "limit = 5\nclass Kept:\n    limit = limit + LIMIT\nassert Kept.limit == 8"
    ),
    "a comprehension with a name of the answer's": (
        "assert [square for square in range(2)] == [0, 1]\nassert square(2) == 4"
    ),
    "a name that a function of its own sets": (
        "count = 0\ndef up():\n    global count\n    count += 1\nup()\nassert count == 1"
    ),
    "what the answer makes of a name that may be set": (
        "count = 0\ndef up():\n    global count\nwrite('count', 7)\nassert count == 7"
    ),
    "what the answer makes of a name of its own": (
        "limit = 2\nwrite('limit', 7)\nassert limit == 2\nwrite('LIMIT', 7)\nassert LIMIT == 3"
    ),
    "names that come to be while it runs": (
        "exec('made = 5')\nassert made == 5\nassert locals() is globals()"
    ),
    "everything of a module": "from math import *\nassert floor(2.5) == 2",
    "an await": (
        "import asyncio\nasync def soon(): return 5\nassert await soon() == 5\n"
        "assert [await soon() for _ in range(2)] == [5, 5]\n"
        "async with asyncio.timeout(5) as timer:\n    assert read('timer') is timer"
    ),
    "from the future": (
        '"""A check."""\nfrom __future__ import annotations\n'
        "def typed(x: nowhere): return x\nassert typed.__annotations__ == {'x': 'nowhere'}"
    ),
    "a built-in name that it binds": (
        "printed = []\ndef print(*words): printed.append(words)\nprint(1)\nassert printed == [(1,)]"
    ),
    "built-in names as values": "assert [kind(2.5) for kind in (int, str)] == [2, '2.5']",
    "an error that is not to be raised": (
        "try:\n    int('x')\nexcept ValueError:\n    pass\n"
        "else:\n    raise AssertionError('x is no number')\nassert square(1)"
    ),
    "a name with a type": "limit: int = 5\nlater: int\nassert limit == 5",
    "an exercise's name with a type": "read: object = square\nassert read(2) == 4",
    "a name with a type that is an error's too": (
        "said: object = 1\ntry:\n    1 / 0\nexcept ZeroDivisionError as said:\n    pass\n"
        "assert square(2) == 4"
    ),
    "what is let go of": (
        "import gc, weakref\nclass Thing: pass\nthing = Thing()\ngone = weakref.ref(thing)\n"
        "del thing\ngc.collect()\nassert gone() is None"
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_a_check_means_what_it_says(runner: Runner, what: str) -> None:
    after = "assert square(1) == 1\nassert LIMIT == 3"
    result = runner.run(
        notebook(SETUP, STUDENT, CHECKS[what], after),
        roles={0: "instructor", 2: "check", 3: "check"},
        exercises=frozenset({"square", "call", "read", "write"}),
    )
    assert [cell.status for cell in result.cells] == ["ok"] * 4, result.cells[2].traceback
    assert not {suspicion.kind for suspicion in result.suspicions} - {"rebound"}


def test_a_later_check_has_what_an_earlier_one_had(runner: Runner) -> None:
    """And not what the answer has made of its names meanwhile."""
    result = runner.run(
        notebook(
            "given = 1",
            "def square(x):\n    globals()['wanted'] = globals()['times'] = x\n    return x",
            "wanted, times = [9], 2\nassert square(3) == 3",
            "assert wanted == [9]\nassert times == 2",
        ),
        roles={0: "instructor", 2: "check", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert [cell.status for cell in result.cells] == ["ok"] * 4, result.cells[3].traceback


def test_what_an_error_says_is_what_it_says_in_a_module(runner: Runner) -> None:
    result = runner.run(
        notebook("given = 1", "def square(x): return x / 0", "assert square(3) == 9", "nowhere"),
        roles={0: "instructor", 2: "check", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert result.cells[2].error_name == "ZeroDivisionError"
    assert "NameError: name 'nowhere' is not defined" in "".join(result.cells[3].traceback)
