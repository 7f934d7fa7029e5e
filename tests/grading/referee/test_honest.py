"""Honest work passes and fails as it does anywhere else, and nobody suspects it."""

from __future__ import annotations

import pytest
from tests.grading.notebooks import cell, notebook
from tests.grading.referee.test_attacks import SETUP, run

from onsite.grading.runner import Runner

#: The student's cell, and a check that it passes.
RIGHT = {
    "plain": ("def f(): return 9", "got = f()\nassert got == 9, f'got {got}'"),
    "computed": ("def f(n): return n * n", "for n in range(200):\n    assert f(n) == n ** 2"),
    "no assertion": ("x = 1", "x"),
    "chained": ("def f(): return 9", "assert 5 < f() <= 9 != 3"),
    "all kinds of values": (
        "from decimal import Decimal\nfrom datetime import *\nimport uuid\n"
        "def f(): return [1.5, 'é', b'x', {'a': (1, None)}, {3}, Decimal('1.0'), date(2026, 1, 2)]",
        "from decimal import Decimal\nfrom datetime import date\ngot = f()\n"
        "assert got[:5] == [1.5, 'é', b'x', {'a': (1, None)}, {3}]\n"
        "assert got[5] == Decimal(1) and got[6] == date(2026, 1, 2)\n"
        "assert 'é' in got and 'q' not in got",
    ),
    "its own classes": (
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int\n",
        "assert P(1) == P(1)\nassert P(1) != P(2)\nassert P(1) < P(2)\nassert P(1) in [P(1)]\n"
        "assert isinstance(P(1), P)\nassert not isinstance(1, P)\nassert len({P}) == 1",
    ),
    "a class of the instructor's": (
        "def f(): return Decision(True, 0.25)",
        "assert f() == Decision(True, 0.25)\nassert f() in (Decision(False, 1.0), f())\n"
        "assert f().allowed and not f().wait > 1",
    ),
    "named tuples and enumerations": (
        "from collections import namedtuple\nfrom enum import Enum, IntEnum\nfrom typing import *\n"
        "P = namedtuple('P', 'x y')\nclass C(IntEnum):\n    RED = 1\nclass S(str, Enum):\n"
        "    A = 'a'\nclass T(NamedTuple):\n    x: int\n",
        "assert P(1, 2) == (1, 2)\nassert C.RED == 1\nassert S.A == 'a'\nassert T(1) == (1,)\n"
        "assert C(1) is C.RED\nassert isinstance(P(1, 2), tuple)",
    ),
    "operators on purpose": (
        "class V:\n    def __init__(self, x): self.x = x\n"
        "    def __eq__(self, other): return self.x == other\n"
        "    def __bool__(self): return False\n    def __contains__(self, y): return y == 1",
        "import operator\nassert operator.eq(V(1), 1)\nassert not V(1).__eq__(2)\n"
        "assert bool(V(1)) is False\nassert operator.contains(V(1), 1)",
    ),
    "abstract classes": (
        "def f(): return {'a': 1}",
        "from collections.abc import Mapping, Iterator\nassert isinstance(f(), Mapping)\n"
        "assert not isinstance(f(), Iterator)\nassert isinstance(f(), (int, dict))\n"
        "assert isinstance(f(), dict | None)",
    ),
    "numpy": (
        "import numpy as np\ndef f(): return np.arange(4) * 2",
        "import numpy as np\nassert (f() == np.array([0, 2, 4, 6])).all()\n"
        "assert (f() == [0, 2, 4, 6]).all()\nassert f().sum() == 12\nassert f()[1] == 2",
    ),
    "generic classes": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]): pass",
        "class Small(Box[int]):\n    pass\nassert issubclass(Small, Box)\n"
        "assert isinstance(Small(), Box)",
    ),
    "top-level await": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 9",
        "assert await f() == 9\nasync with asyncio.timeout(5):\n    assert await f() == 9\n"
        "assert [await f() for _ in range(2)] == [9, 9]\nasyncio.get_running_loop()",
    ),
    "a loop that runs": (
        "import asyncio\ndef f(): return asyncio.get_running_loop().is_running()",
        "assert f()",
    ),
    "a helper that asserts": ("def f(n): return n * n", "verify(f)"),
    "a helper of the check's": (
        "def f(n): return n * n",
        "def same(n, wanted):\n    assert f(n) == wanted, f'{n}: {wanted}'\nsame(2, 4)\nsame(3, 9)",
    ),
    "asserts in threads": (
        "def f(n): return n * n",
        "import threading\n"
        "def look(n):\n    assert f(n) == n * n\n    assert f(2) == 4\n"
        "threads = [threading.Thread(target=look, args=(n,)) for n in range(20)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]",
    ),
    "raises on purpose": (
        "def f(): raise ValueError('no')",
        "try:\n    f()\nexcept ValueError as error:\n    assert 'no' in str(error)\n"
        "else:\n    raise AssertionError('it accepts all')",
    ),
    "fails on purpose": (
        "def f(): return 1",
        "try:\n    assert f() == 2\nexcept AssertionError:\n    pass\n"
        "from contextlib import suppress\nwith suppress(AssertionError):\n    assert f() == 3",
    ),
    "names of built-in functions": (
        "def sorted(x): return 'mine'",
        "assert [*__import__('builtins').sorted([2, 1])] == [1, 2]",
    ),
    "mock": (
        "import time\ndef f(): return time.time()",
        "with mock.patch('time.time', return_value=5.0):\n    assert f() == 5.0\n"
        "assert f() > 5.0\nwith mock.patch.object(math, 'pi', 3):\n    assert math.pi == 3",
    ),
    "logging and tracebacks": (
        "import logging, traceback, warnings, inspect\n"
        "def f():\n    logging.getLogger('x').warning('careful', stack_info=True)\n"
        "    warnings.warn('hm')\n    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        traceback.print_exc()\n        logging.exception('oh')\n"
        "    traceback.format_stack()\n    inspect.signature(verify)\n    return 9",
        "assert f() == 9",
    ),
    "made in the check": (
        "from collections import namedtuple\nfrom dataclasses import make_dataclass\n"
        "from enum import Enum\nimport typing\n"
        "def f():\n    P = namedtuple('P', 'x')\n    D = make_dataclass('D', ['x'])\n"
        "    E = Enum('E', 'A B')\n    typing.TypeVar('T')\n"
        "    typing.NamedTuple('N', [('x', int)])\n"
        "    return P(1).x + D(1).x + E.A.value",
        "assert f() == 3",
    ),
    "lazy imports": (
        "def f():\n    import colorsys, wave, html.parser\n    return colorsys.ONE_THIRD",
        "assert round(f(), 2) == 0.33",
    ),
    "signals": (
        "import signal\nclass Late(Exception): pass\n"
        "def f():\n    def ring(number, frame): raise Late\n"
        "    before = signal.signal(signal.SIGALRM, ring)\n"
        "    assert signal.getsignal(signal.SIGALRM) is ring\n"
        "    try:\n        signal.setitimer(signal.ITIMER_REAL, 0.01)\n        while True: pass\n"
        "    except Late:\n        return 9\n"
        "    finally:\n        assert signal.signal(signal.SIGALRM, before) is ring",
        "assert f() == 9\nassert f() == 9",
    ),
    "collecting garbage": (
        "import gc, weakref\nclass Node: pass\n"
        "def f():\n    node = Node()\n    node.me = node\n    gone = weakref.ref(node)\n"
        "    del node\n    gc.collect()\n    return gone() is None",
        "assert f()\nassert gc.isenabled()",
    ),
    "subprocesses": (
        "import subprocess, sys\ndef f():\n"
        "    return subprocess.run([sys.executable, '-c', 'print(9)'], capture_output=True).stdout",
        "assert f() == b'9\\n'",
    ),
    "other processes": (
        "import multiprocessing\ndef work(n): return n * n\n"
        "def f():\n    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        return pool.map(work, range(4))",
        "assert f() == [0, 1, 4, 9]",
    ),
    "a race on a stage": (
        "import threading\nclass Count:\n    def __init__(self):\n        self.n = 0\n"
        "        self.lock = threading.Lock()\n    def up(self):\n        with self.lock:\n"
        "            self.n += 1",
        "from onsite.stage import at_every_step\n"
        "def scene(stage, step):\n    count = Count()\n"
        "    first, second = stage.cross(count.up, count.up, step)\n"
        "    assert first.error is None and second.error is None\n"
        "    assert count.n == 2, f'{count.n}'\n    return first\nat_every_step(scene)",
    ),
    "a coroutine in virtual time": (
        "import asyncio\nasync def f():\n    async with asyncio.timeout(60):\n"
        "        await asyncio.gather(asyncio.sleep(3), asyncio.sleep(9))",
        "from onsite.virtual_time import now, play\nasync def main():\n    await f()\n"
        "    return now()\nassert play(main) == 9, 'not at 9 s'",
    ),
    "a scratch name of the instructor's": (
        "call = kind = 5\ndef f(): return 9\nmath_ = math",
        "assert f() == 9",
    ),
    "magics": ("%matplotlib inline\ndef f(): return 9", "assert f() == 9"),
    "settings of modules": (
        "import random, sys, logging, decimal\nrandom.seed(5)\nsys.setrecursionlimit(5000)\n"
        "decimal.getcontext().prec = 40\nlogging.basicConfig(level=10)\ndef f(): return 9",
        "assert f() == 9",
    ),
    "walrus": ("def f(): return 9", "assert (got := f()) == 9, got\nassert got"),
    "two assertions about the same": (
        "state = []\ndef f():\n    state.append(1)\n    return len(state)",
        "for wanted in (1, 2, 3):\n    assert f() == wanted\nassert f() == 4\nassert f() == 5",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(runner: Runner, name: str) -> None:
    student, check = RIGHT[name]
    result = run(runner, student, check=check)
    assert [(c.status, c.error_name, c.error_message) for c in result.cells] == [("ok", "", "")] * 3
    assert result.suspicions == ()


#: The student's cell, a check, and what is said of it.
WRONG = {
    "its message": ("x = 1", "assert x == 2, f'x is {x}'", "AssertionError", "x is 1"),
    "no message": ("x = 1", "assert x == 2", "AssertionError", ""),
    "a message that is no text": ("x = 1", "assert x == 2, [x]", "AssertionError", "[1]"),
    "local names": (
        "x = [1, 2]",
        "def f(n):\n    for i, each in enumerate(x):\n"
        "        assert each == n, f'{i} is {each}, not {n}'\nf(1)",
        "AssertionError",
        "1 is 2, not 1",
    ),
    "an error": ("def f(): return 1 / 0", "assert f() == 2", "ZeroDivisionError", "division by"),
    "a broken message": ("x = 1", "assert x == 2, 1 / 0", "ZeroDivisionError", "division by"),
    "no such name": ("x = 1", "assert f() == 2", "NameError", "'f' is not defined"),
    "types that do not compare": ("x = 'a'", "assert x < 5", "TypeError", "'<' not supported"),
    "raised by the check": ("x = 1", "raise AssertionError('no')", "AssertionError", "no"),
    "exits": ("x = 1", "raise SystemExit(3)", "SystemExit", "3"),
    "nan": ("x = float('nan')", "assert x == x, 'odd'", "AssertionError", "odd"),
    "in a thread": (
        "x = 1",
        "t = threading.Thread(target=verify, args=(lambda n: n,))\nt.start()\nt.join()",
        "NotProvedError",
        "swallowed",
    ),
    "decides itself": (
        "class All:\n    def __eq__(self, o): return True\nx = All()",
        "assert x == 1",
        "AssertionError",
        "class All, which defines it itself",
    ),
    "in another process": (
        "def f(go):\n    import multiprocessing\n"
        "    with multiprocessing.get_context('fork').Pool(1) as pool:\n        pool.map(go, [2])",
        "def look(n):\n    assert n == 2\nf(look)",
        "RuntimeError",
        "own process",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_fail_and_are_told_why(runner: Runner, name: str) -> None:
    student, check, error, text = WRONG[name]
    result = run(runner, student, check=check)
    last = result.cells[-1]
    assert (last.status, last.error_name) == ("error", error)
    assert text in last.error_message
    assert bool(text) == bool(last.error_message)
    (shown,) = [output for output in last.outputs if output["output_type"] == "error"]
    assert (shown["ename"], shown["evalue"]) == (error, last.error_message)
    assert result.suspicions == ()


def test_only_the_students_own_lines_are_shown(runner: Runner) -> None:
    student = "def inner(n):\n    return 1 / n  # oh\n\ndef f(n):\n    return inner(n)"
    result = run(runner, student, check="hidden = 0\nassert f(hidden) == 4711, 'sauce'")
    shown = "\n".join(result.cells[-1].traceback)
    assert "line 2, in inner: return 1 / n  # oh" in shown
    assert "in f: return inner(n)" in shown
    assert "hidden" not in shown
    assert "4711" not in result.notebook.decode().replace("f(hidden) == 4711", "")


def test_a_stop_iteration_is_told_as_any_other_error(runner: Runner) -> None:
    last = run(runner, "def f(rows):\n    return next(rows)", check="assert f(iter([]))").cells[-1]
    assert (last.status, last.error_name, last.error_message) == ("error", "StopIteration", "")
    assert "line 2, in f: return next(rows)" in "\n".join(last.traceback)


@pytest.mark.parametrize(
    ("last", "credit"),
    [("1.5", "1.5"), ("n / 4", "0.5"), ("0", "0"), ("True", "True"), ("'2'", None), ("None", None)],
)
def test_the_last_value_of_a_check_is_its_credit(
    runner: Runner, last: str, credit: str | None
) -> None:
    result = run(runner, "n = 2", check=f"assert n == 2\n{last}")
    values = [o["data"]["text/plain"] for o in result.cells[-1].outputs]
    assert values == ([] if credit is None else [credit])


def test_what_a_check_prints_is_kept_and_is_no_error(runner: Runner) -> None:
    check = (
        "import sys, os\nprint('out')\nprint('err', file=sys.stderr)\nos.system('echo loud >&2')\n"
        "from IPython.display import display\ndisplay(5)"
    )
    outputs = run(runner, "x = 1", check=check).cells[-1].outputs
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}


def test_an_instructors_cell_shows_its_value_and_may_have_magics(runner: Runner) -> None:
    result = runner.run(
        notebook("%load_ext onsite", "x = 5\nx", "assert x == 5"),
        roles={0: "instructor", 1: "instructor", 2: "check"},
    )
    assert [c.status for c in result.cells] == ["ok"] * 3
    assert [o["data"]["text/plain"] for o in result.cells[1].outputs] == ["5"]


def test_an_expected_exception(runner: Runner) -> None:
    data = notebook(SETUP, cell("assert 1 == 2", tags=["raises-exception"]))
    assert runner.run(data, roles={0: "instructor", 1: "check"}).cells[1].status == "ok"


def test_a_name_that_an_exercise_asks_for_is_the_students(runner: Runner) -> None:
    data = notebook(
        "def f(): return 1\ndef round(n): return n", "def f(): return 2", "assert f() == 2"
    )
    roles = {0: "instructor", 2: "check"}
    assert runner.run(data, roles=roles).cells[2].status == "error"
    result = runner.run(data, roles=roles, exercises=frozenset({"f"}))
    assert result.cells[2].status == "ok"
    assert result.suspicions == ()


def test_one_right_answer_does_not_prove_another(runner: Runner) -> None:
    checks = ["assert f(1) == 2", "assert f(1) == 2\nassert f(2) == 5", "assert f(3) == 4"]
    data = notebook("def f(n): return n + 1", *checks)
    result = runner.run(data, roles={1: "check", 2: "check", 3: "check"})
    assert [c.status for c in result.cells] == ["ok", "ok", "error", "ok"]


def test_points_before_the_end_of_the_process_stay(runner: Runner) -> None:
    data = notebook("x = 1", "assert x == 1", "import os\nos._exit(3)", "assert x == 1")
    result = runner.run(data, roles={1: "check", 3: "check"})
    assert [c.status for c in result.cells] == ["ok", "ok", "killed", "not_run"]


def test_a_check_that_goes_on_for_ever(runner: Runner) -> None:
    from dataclasses import replace

    from tests.grading.conftest import LIMITS

    data = notebook("x = 1", "while x == 1:\n    assert x == 1", "assert x == 1")
    limits = replace(LIMITS, seconds_per_cell=3)
    result = runner.run(data, limits=limits, roles={1: "check", 2: "check"})
    assert [c.status for c in result.cells] == ["ok", "timeout", "ok"]


def test_what_each_assertion_came_to(runner: Runner) -> None:
    check = (
        "assert f(1) == 1\n\nfor n in range(3):\n    assert f(n) == n\n"
        "if f(1) == 9:\n    assert f(9) == 1\nassert f(3) == 4, 'four'\nassert f(4) == 4"
    )
    data = notebook("def f(n): return n", check, "assert f(2) == 2", "import os; os._exit(3)", "1")
    result = runner.run(data, roles=dict.fromkeys((1, 2, 3), "check"))
    came = [cell.assertions for cell in result.cells]
    assert came == [
        (),
        ((1, "held"), (4, "held"), (6, "not reached"), (7, "did not hold"), (8, "not reached")),
        ((1, "held"),),
        (),
        (),
    ]


#: Classes that libraries make, of an instructor's cell, an answer, and a check.
MADE_BY_LIBRARIES = {
    "pydantic": (
        "from pydantic import BaseModel, TypeAdapter, ValidationError, field_validator\n"
        "class Order(BaseModel):\n    n: int\n    parts: 'list[Order]' = []\n"
        "    @field_validator('n')\n    @classmethod\n    def is_some(cls, n):\n"
        "        if n < 1: raise ValueError(n)\n        return n",
        "class Paid(Order):\n    by: str\ndef f(n): return Paid(n=n, by='card')",
        "assert f(3).n == 3\nassert f(3).model_dump() == {'n': 3, 'parts': [], 'by': 'card'}\n"
        "assert Order(n=3, parts=[Order(n=1)]) == Order(n=3, parts=[Order(n=1)])\n"
        "class Late(Paid):\n    days: int = 1\nassert Late(n=1, by='post').days == 1\n"
        "try:\n    f(0)\nexcept ValidationError as error:\n    assert error.error_count() == 1\n"
        "assert TypeAdapter(list[int]).validate_python(['1']) == [1]",
    ),
    "sqlalchemy": (
        "from sqlalchemy import create_engine, select\n"
        "from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column\n"
        "class Base(DeclarativeBase): pass\nclass User(Base):\n    __tablename__ = 'users'\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)\n    name: Mapped[str]",
        "def f(session): return session.scalars(select(User.name)).all()",
        "engine = create_engine('sqlite://')\nBase.metadata.create_all(engine)\n"
        "with Session(engine) as session:\n    session.add(User(name='ann'))\n"
        "    session.flush()\n    assert f(session) == ['ann']",
    ),
    "django": (
        "import django\nfrom django.conf import settings\n"
        "settings.configure(DATABASES={'default': {\n"
        "    'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}})\ndjango.setup()\n"
        "from django.db import models\nclass Item(models.Model):\n"
        "    n = models.IntegerField()\n    class Meta: app_label = 'shop'",
        "def f(n): return Item(n=n)",
        "assert f(3).n == 3",
    ),
    "attrs": (
        "import attrs\n@attrs.define\nclass Item:\n    n: int = 1",
        "def f(n): return Item(n)",
        "assert f(3) == Item(3)\nassert f(3).n == 3",
    ),
    "typing, enum, abc": (
        "import abc, dataclasses, enum\n"
        "from typing import Generic, NamedTuple, Protocol, TypedDict, TypeVar\n"
        "T = TypeVar('T')\nclass Pair(NamedTuple):\n    n: int\n"
        "class Row(TypedDict):\n    n: int\nclass Closes(Protocol):\n    def close(self): ...\n"
        "class Box(Generic[T]): pass\nclass Colour(enum.Enum):\n    RED = 1\n"
        "class May(enum.Flag):\n    READ = 1\n    WRITE = 2\n"
        "@dataclasses.dataclass(slots=True)\nclass Card:\n    n: int = 1\n"
        "class Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...",
        "def f(n): return Pair(n)",
        "assert f(3) == Pair(3)\nclass Small(Box[int]): pass\nclass Square(Shape):\n"
        "    def area(self): return f(1)\nassert Square().area() == Pair(1)\n"
        "assert Card() == Card(1)\nassert Colour.RED is Colour(1)\n"
        "assert May.READ | May.WRITE == May(3)\nassert Row(n=1) == {'n': 1}",
    ),
}


@pytest.mark.parametrize("library", MADE_BY_LIBRARIES)
def test_classes_that_libraries_make(runner: Runner, library: str) -> None:
    result = runner.run(
        notebook(*MADE_BY_LIBRARIES[library]),
        roles={0: "instructor", 2: "check"},
        exercises=frozenset({"f"}),
    )
    assert [cell.error_message for cell in result.cells] == ["", "", ""]
    assert result.suspicions == ()
