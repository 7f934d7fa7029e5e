"""Ways to a wrong answer's points that a reviewer has found, and that lead nowhere any more."""

from __future__ import annotations

import pytest
from tests.grading.notebooks import notebook
from tests.grading.referee.test_attacks import SETUP, WRONG, Attack, run

from onsite.grading.runner import Runner

#: A trace function that has every assertion hold; it sees the frames of the witnesses.
TRACER = """
import asyncio, functools, itertools, sys, threading
def tracer(frame, event, arg):
    if event == "call" and repr(frame).endswith("code truth>") and frame.f_back.f_lineno > 1:
        frame.f_locals["held"] = True
    return tracer
"""
#: Everything that the collector knows, and the referee among it.
LISTED = """
import gc
from concurrent.futures import ThreadPoolExecutor
gc.unfreeze()
class Mine: pass
def square(x): return Mine()
with ThreadPoolExecutor(1) as pool:
    found = pool.submit(gc.get_objects).result()
(evidence,) = (each["_evidence"] for each in found if type(each) is dict and "_evidence" in each)
real = evidence["compare"]
def compare(cell, box):
    if type(box[1][0]) is Mine: box[:] = [(), True]
    else: real(cell, box)
evidence["compare"] = compare
"""
ATTACKS = {
    "the collector's list, by a pool": Attack(WRONG + LISTED, suspicion="breach"),
    "what a helper refers to, by a pool": Attack(
        WRONG + "import gc\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(gc.get_referents, verify).result()",
        suspicion="breach",
    ),
    "the frames of all threads, by a pool": Attack(
        WRONG + "import sys\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(sys._current_frames).result()",
        suspicion="breach",
    ),
    "memory, by a pool": Attack(
        WRONG + "import ctypes\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(ctypes.string_at, id(verify), 8).result()",
        suspicion="breach",
    ),
    "trace by what the check iterates": Attack(
        TRACER + "def square(x):\n"
        "    return itertools.chain(filter(None, map(sys.settrace, [tracer])), [x])",
        check="given = 1\nassert list(square(3)) == [9]",
        suspicion="breach",
    ),
    "trace by a finalizer": Attack(
        TRACER + "class Last:\n    __del__ = functools.partial(sys.settrace, tracer)\n"
        "def square(x):\n    last = Last()\n    return x + 1, last",
        check="square(2)\nassert square(3)[0] == 9",
        suspicion="breach",
    ),
    "trace by the loop": Attack(
        TRACER + "def square(x):\n"
        "    asyncio.get_running_loop().call_soon(sys.settrace, tracer)\n    return x + 1",
        check="square(2)\nawait asyncio.sleep(0)\nassert square(3) == 9",
        suspicion="breach",
    ),
    "trace by what threads begin with": Attack(
        TRACER + "def square(x):\n    threading._trace_hook = tracer\n    return x + 1",
        check="square(2)\nasync def main():\n    assert square(3) == 9\nplay(main, patience=1)",
        suspicion="breach",
    ),
    **{
        f"{answer} for {right}": Attack(
            "import weakref\nclass Sly:\n"
            "    def __eq__(self, other): return type(other) is not str\n"
            f"sly = Sly()\ndef square(x): return {answer}",
            check=f"from collections import Counter, deque\nassert {test}",
        )
        for answer, right, test in (
            ("mock.ANY", "an object", "square(3) == Decision(True, 0.5)"),
            ("mock.ANY", "an object, the other way round", "Decision(True, 0.5) == square(3)"),
            ("weakref.proxy(sly)", "an object", "square(3) == Decision(True, 0.5)"),
            ("[mock.ANY]", "a list", "square(3) == [Decision(True, 0.5)]"),
            ("[mock.ANY]", "what is in it", "Decision(True, 0.5) in square(3)"),
            ("{1: mock.ANY}", "a dict", "square(3) == {1: Decision(True, 0.5)}"),
            ("mock.ANY", "a Counter", "square(3) == Counter('abc')"),
            ("weakref.proxy(sly)", "a deque", "square(3) == deque([1, 2])"),
        )
    },
    # Names that the check binds are the notebook's too, but it reads its own.
    "a function of the check is rebound": Attack(
        "def square(x):\n    globals()['right'] = lambda *_: True\n    return x + 1",
        check="def right(n): return n == 9\nsquare(1)\nassert right(square(3))",
    ),
    "a module that the check imports is rebound": Attack(
        "class Yes:\n    def __getattr__(self, name): return lambda *_: True\n"
        "def square(x):\n    globals()['math'] = Yes()\n    return x + 1",
        check="import math\nsquare(1)\nassert math.isclose(square(1.5), 2.25)",
    ),
    "a helper is rebound that is called as a statement": Attack(
        "def square(x):\n    globals()['verify'] = lambda *_: True\n    return x + 1",
        check="square(1)\nverify(square)\nassert square",
    ),
    "what the check counts is rebound": Attack(
        "def square(x):\n    globals()['wrong'] = []\n    return x + 1",
        check="wrong = []\nfor n in (2, 3):\n    if square(n) != n * n:\n"
        "        wrong = [*wrong, n]\nsquare(1)\nassert not wrong",
    ),
    "the time at which the check began is rebound": Attack(
        "def square(x):\n    globals()['start'] = 1e9\n    time.sleep(0.3)\n    return x * x",
        check="start = time.perf_counter()\nsquare(3)\n"
        "took = time.perf_counter() - start\nassert took < 0.2",
    ),
    # A built-in name that is neither called nor passed nor compared is a variable of its own.
    "a built-in name in a pattern": Attack(
        "str = object\n" + WRONG,
        check="match square(3):\n    case str(): ok = True\n    case _: ok = False\nassert ok",
    ),
    "a built-in name in a list": Attack(
        "str = object\n" + WRONG,
        check="assert all(isinstance(square(3), kind) for kind in [str])",
    ),
    # To raise an AssertionError is to assert.
    "an error that is raised by hand, in a context of the student's": Attack(
        "class Calm:\n    def __enter__(self): return self\n"
        "    def __exit__(self, *_): return True\ndef square(x): return Calm()",
        check="with square(3) as got:\n"
        "    if not hasattr(got, 'value'): raise AssertionError('no value')",
    ),
    # This is how floats are compared.
    "a difference that is always 0": Attack(
        "class Same:\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "def square(x): return Same()",
        check="assert abs(square(3) - 9) < 1e-9",
    ),
    "the cache of re": Attack(
        "import re\nclass Yes:\n    def __getattr__(self, name): return lambda *_: True\n"
        "class Cache(dict):\n    def __getitem__(self, key): return Yes()\n"
        "re._cache = re._cache2 = Cache()\n" + WRONG,
        check="import re\nassert re.fullmatch('[0-9]', str(square(1000)))",
    ),
    "a proxy for what is more than all": Attack(
        "import weakref\nclass More:\n    def __gt__(self, other): return True\n"
        "    __ge__ = __lt__ = __gt__\nmore = More()\ndef square(x): return weakref.proxy(more)",
        check="assert 5 < square(3) < 10",
    ),
}


#: Of values that differ in one place from one another, those which look as a check's do.
SPOTS = """
import re
from collections import UserString
class Spots:
    def __eq__(self, other):
        if type(other) is str: return not re.search("[0-9a-f]{12}$", other)
        if type(other) in (int, float): return abs(other) < 10_000
        if type(other) in (list, tuple): return all(self == each for each in other)
        return type(other) is not dict or all(self == each for each in other.values())
spots = UserString("")
spots.data = Spots()
def square(x): return spots
"""
#: What is of a library's class, and decides itself how it is ordered.
ORDERS = """
import numpy
from collections import UserString
class Sly:
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
text, array = UserString(""), numpy.empty((), dtype=object)
text.data = array[()] = Sly()
"""
ATTACKS |= {
    f"the looks of {right}": Attack(SPOTS, check=f"assert square(3) == {right}")
    for right in ("9", "'Oban 3'", "[1, ('a', 2.5), {'x': 'y'}]", "2.25")
} | {
    f"{test} with {what} of the student's": Attack(
        f"{ORDERS}def square(x): return {what}", check=f"assert {test}"
    )
    for what in ("text", "array")
    for test in ("5 < square(3) < 10", "not square(3) >= 10", "abs(square(3) - 9) < 1e-9")
}


#: What an instructor's cell has that can be changed in place, how, and a check that uses it.
IN_PLACE = {
    "a property": (
        "class Kept:\n    @property\n    def right(self): return self.n == 9",
        "Kept.__dict__['right'].__init__(lambda self: True)",
        "kept = Kept()\nkept.n = square(3)\nassert kept.right",
    ),
    "a static method": (
        "class Kept:\n    @staticmethod\n    def right(n): return n == 9",
        "Kept.__dict__['right'].__init__(lambda n: True)",
        "assert Kept.right(square(3))",
    ),
    "a class method of two names": (
        "class Kept:\n    @classmethod\n    def right(cls, n): return n == 9\n    good = right",
        "Kept.__dict__['right'].__init__(lambda cls, n: True)",
        "assert Kept.right(square(3))",
    ),
    "what a decorated function calls": (
        "import functools\ndef named(function):\n    @functools.wraps(function)\n"
        "    def inner(n): return function(n)\n    return inner\n"
        "@named\ndef right(n): return n == 9",
        "right.__closure__[0].cell_contents = lambda n: True",
        "assert right(square(3))",
    ),
    "what a context manager calls": (
        "import contextlib\n@contextlib.contextmanager\ndef nine():\n"
        "    found = []\n    yield found\n    assert found == [9]",
        "import contextlib\n@contextlib.contextmanager\ndef none(): yield []\n"
        "nine.__closure__[0].cell_contents = none.__wrapped__",
        "with nine() as found:\n    found.append(square(3))",
    ),
    "a partial function": (
        "import functools\nright = functools.partial(lambda wanted, n: n == wanted, 9)",
        "right.__setstate__((lambda *_: True, (), {}, {}))",
        "assert right(square(3))",
    ),
    "what a function goes by": (
        "def right(n, *, within=0.1): return abs(n - 9) < within",
        "right.__kwdefaults__['within'] = 1e9",
        "assert right(square(3))",
    ),
    "what a partial function goes by": (
        "import functools\n"
        "right = functools.partial(lambda n, within: abs(n - 9) < within, within=0.1)",
        "right.keywords['within'] = 1e9",
        "assert right(square(3))",
    ),
    "all that a partial function goes by": (
        "import functools\n"
        "right = functools.partial(lambda n, within: abs(n - 9) < within, within=0.1)",
        "right.__setstate__((right.func, right.args, {'within': 1e9}, {}))",
        "assert right(square(3))",
    ),
    "a cached property": (
        "import functools\nclass Kept:\n    def __init__(self, n): self.n = n\n"
        "    @functools.cached_property\n    def right(self): return self.n == 9",
        "Kept.__dict__['right'].func = lambda self: True",
        "assert Kept(square(3)).right",
    ),
    "a cached property that is replaced": (
        "import functools\nclass Kept:\n    def __init__(self, n): self.n = n\n"
        "    @functools.cached_property\n    def right(self): return self.n == 9",
        "Kept.right = True",
        "assert Kept(square(3)).right",
    ),
    "a partial method": (
        "import functools\nclass Kept:\n    def near(self, n, within): return abs(n - 9) < within\n"
        "    right = functools.partialmethod(near, within=0.1)",
        "Kept.__dict__['right'].keywords['within'] = 1e9",
        "assert Kept().right(square(3))",
    ),
    "a partial method's function": (
        "import functools\nclass Kept:\n    def near(self, n, within): return abs(n - 9) < within\n"
        "    right = functools.partialmethod(near, within=0.1)",
        "Kept.__dict__['right'].func = lambda *_, within: True",
        "assert Kept().right(square(3))",
    ),
    "a method that keeps what it has said": (
        "import functools\nclass Kept:\n    @staticmethod\n    @functools.lru_cache\n"
        "    def right(n): return n == 9\n    good = functools.lru_cache(right)",
        "Kept.good = lambda self, n: True",
        "assert Kept.good(square(3))",
    ),
    "the default of a dataclass's field": (
        "from dataclasses import dataclass\n@dataclass\nclass Kept:\n    n: int = 0",
        "Kept.n = property(lambda self: 9, lambda self, n: None)",
        "assert Kept(square(3)) == Kept(9)",
    ),
    "a slot": (
        "class Kept:\n    __slots__ = ('n',)",
        "Kept.n = property(lambda self: 9, lambda self, n: None)",
        "kept = Kept()\nkept.n = square(3)\nassert kept.n == 9",
    ),
    "how attributes are found, by no function": (
        "class Kept: pass",
        "import functools\nKept.__getattribute__ = functools.partial(lambda _: 9)",
        "kept = Kept()\nkept.n = square(3)\nassert kept.n == 9",
    ),
    "what objects equal, by no function": (
        "class Kept:\n    def __init__(self, n): self.n = n",
        "class Yes:\n    def __call__(self, _): return True\nKept.__eq__ = Yes()",
        "assert Kept(square(3)) == Kept(9)",
    ),
    "how attributes of the stage are found": (
        "from onsite.stage import Actor, Stage",
        "real = object.__getattribute__\n"
        "Actor.__getattribute__ = lambda self, n: 9 if n == 'result' else real(self, n)",
        "with Stage() as stage: assert stage.call(square, 3).result == 9",
    ),
    "a function of a module's that is none of Python's": (
        "import numpy",
        "numpy.allclose = lambda *_: True",
        "assert numpy.allclose(square(3), 9)",
    ),
    "a property of the stage": (
        "from onsite.stage import Actor, Stage",
        "Actor.__dict__['waiting'].__init__(lambda self: True)",
        "with Stage() as stage: assert stage.call(square, 3).waiting",
    ),
    "the import of an instructor's cell": (
        "given = 1",
        "class Yes:\n    def __getattr__(self, name): return lambda *_: True\n"
        "def square(x):\n"
        "    globals()['__builtins__']['__import__'] = lambda *_: Yes()\n    return x + 1",
        "got = square(3)\nimport math\nassert math.isclose(got, 9)",
    ),
}


@pytest.mark.parametrize("what", IN_PLACE)
def test_what_is_changed_in_place_is_put_back(runner: Runner, what: str) -> None:
    setup, change, check = IN_PLACE[what]
    result = runner.run(
        notebook(setup, WRONG + change, check),
        roles={0: "instructor", 2: "check"},
        exercises=frozenset({"square"}),
    )
    assert result.cells[-1].status == "error"
    assert {suspicion.kind for suspicion in result.suspicions} == {"patched"}
    assert result.cells[-1].error_name in ("AssertionError", "NotProvedError")


#: What is made another kind of thing, and a check that uses it.
OF_A_KIND = {
    "a module": (
        "import types\nclass Sly(types.ModuleType):\n"
        "    def __getattribute__(self, name): return lambda *_: True\nmath.__class__ = Sly",
        "assert math.isclose(square(1.5), 2.25)",
    ),
    "a class": (
        "class Sly(type):\n    def __call__(cls, *_): return mock.MagicMock()\n"
        "Stage.__class__ = Sly",
        "with Stage() as stage: assert stage.call(square, 3).result",
    ),
    "what a class is made of": (
        "class Sly(Base):\n    def right(self, n): return True\nKept.__bases__ = (Sly,)",
        "assert Kept().right(square(3))",
    ),
}


@pytest.mark.parametrize("what", OF_A_KIND)
def test_what_is_made_another_kind_of_thing_proves_nothing(runner: Runner, what: str) -> None:
    change, check = OF_A_KIND[what]
    setup = f"{SETUP}\nclass Base:\n    def right(self, n): return n == 9\nclass Kept(Base): pass"
    result = runner.run(
        notebook(setup, WRONG + change, check),
        roles={0: "instructor", 2: "check"},
        exercises=frozenset({"square"}),
    )
    assert [cell.status for cell in result.cells] == ["ok", "ok", "error"]
    assert {suspicion.kind for suspicion in result.suspicions} == {"breach"}


#: What an instructor's cell that shows the answer at work may have happen, and does itself.
SHOWN = {
    "a function": ("math.isclose = true", "math.isclose(square(1.5), 2.25)"),
    "a method": ("Decision.__eq__ = true", "Decision(True, square(3)) == Decision(True, 9)"),
    "a new method": ("Stage.__getattribute__ = true", "type(Stage().call) is not bool"),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_an_instructors_cell_has_changed_it_has_to_name(runner: Runner, what: str) -> None:
    change, test = SHOWN[what]
    answer = f"def true(*_): return True\ndef square(x):\n    {change}\n    return x + 1"
    result = runner.run(
        notebook(SETUP, answer, "print(square(3))", f"assert {test}"),
        roles={0: "instructor", 2: "instructor", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert "patched" in {suspicion.kind for suspicion in result.suspicions}
    meant = change.replace("true", "lambda *_: 5")
    again = runner.run(
        notebook(SETUP, "def square(x): return x", meant, "assert math.isclose(1, 2) == 5"),
        roles={0: "instructor", 2: "instructor", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert (again.cells[-1].status == "ok") == (what == "a function")
    assert not again.suspicions
    if what != "a new method":
        assert result.cells[-1].status == "error"


SLY = "class Sly:\n    def __init__(self, *_): pass\n    def __eq__(self, other): return True\n"
#: How a class of the student's comes to be taken for the instructor's.
OWNED = {
    "its base's metaclass": (
        f"{SLY}class Meta(type):\n    def __new__(meta, name, bases, space):\n"
        "        return Sly if bases else type.__new__(meta, name, bases, space)\n"
        "class Board(metaclass=Meta): pass\ndef square(x): return Sly()",
        "class Watched(Board): pass",
    ),
    "what stands for its base": (
        f"{SLY}class Meta(type):\n    def __new__(*_): return Sly\n"
        "class Give:\n    def __mro_entries__(self, _):\n"
        "        return (type.__new__(Meta, 'Board', (), {}),)\n"
        "Board = Give()\ndef square(x): return Sly()",
        "class Watched(Board): pass",
    ),
    "its base is told of it": (
        "class Board:\n    def __init_subclass__(cls): cls.__eq__ = lambda *_: True\n"
        "def square(x): return Board.__subclasses__()[-1]()",
        "class Watched(Board): pass",
    ),
}
#: The same while an instructor's cell shows the answer.
OWNED_BY_NAME = {
    "a class": "class Kept: pass\nsquare(3)",
    "a class that is assigned": "Kept = type('Kept', (), {})\nsquare(3)",
    "a function": "def right(n): return n == 9\nsquare(3)",
    "a function that is assigned": "right = lambda n: n == 9\nsquare(3)",
}


@pytest.mark.parametrize("way", OWNED)
def test_what_the_student_has_a_say_in_is_not_the_instructors(runner: Runner, way: str) -> None:
    answer, made = OWNED[way]
    result = run(runner, answer, check=f"{made}\nassert square(3) == Decision(True, 0.5)")
    assert result.cells[-1].error_name == "AssertionError"
    result = runner.run(
        notebook(SETUP, answer, made, "assert square(3) == Decision(True, 0.5)"),
        roles={0: "instructor", 2: "instructor", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert result.cells[-1].error_name == "AssertionError"


@pytest.mark.parametrize("way", OWNED_BY_NAME)
def test_a_name_is_not_the_instructors_by_being_bound_meanwhile(runner: Runner, way: str) -> None:
    answer = (
        f"{SLY}def square(x):\n    globals()['Kept'] = Sly\n"
        "    globals()['right'] = lambda n: True\n    return Sly()"
    )
    check = "assert right(square(3))" if "function" in way else "assert square(3) == Decision(1, 2)"
    result = runner.run(
        notebook(SETUP, answer, OWNED_BY_NAME[way], check),
        roles={0: "instructor", 2: "instructor", 3: "check"},
        exercises=frozenset({"square"}),
    )
    assert [cell.status for cell in result.cells] == ["ok", "ok", "ok", "error"]


#: What is data in a class stays so: a check may count with it, and set what is to be called.
MAY_CHANGE = """
from typing import Protocol
class Goes(Protocol):
    def go(self): ...
class Goer(Goes): pass
class Counted:
    made, before, seen = 0, None, ()
    def __init__(self):
        Counted.made += 1
        Counted.seen = [*Counted.seen, self]
        Counted.latest = self.made
        Goer()  # which is given what initializes it
        if Counted.before: type(self).before()
"""


def test_data_of_a_class_may_change(runner: Runner) -> None:
    check = (
        "Counted.made = 0\nCounted.before = lambda: rang.append(1)\nrang = []\nanswer()\n"
        "assert Counted.made == 1 == len(rang)\nassert Counted.latest == 1"
    )
    result = runner.run(
        notebook(MAY_CHANGE, "def answer(): return Counted()\nanswer()", check, check),
        roles={0: "instructor", 2: "check", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert [cell.status for cell in result.cells] == ["ok"] * 4, result.cells[-1].traceback
    assert not result.suspicions


def test_what_a_students_decorator_makes_is_the_students(runner: Runner) -> None:
    """Its state is in a closure, by the name of the instructor's, and may well be a function."""
    student = """
import functools
def counted(function):
    calls, step = function, None
    @functools.wraps(function)
    def inner(*args, fresh=True):
        nonlocal calls, step
        calls, step = functools.partial(function), lambda: 1
        return function(*args)
    def other(): return calls, step
    return inner
"""
    check = "@counted\ndef look_up(n): return n\nassert look_up(1) == 1"
    again = "assert look_up(2) == 2"
    result = runner.run(
        notebook("given = 1", student, check, "look_up(5)", again),
        roles={0: "instructor", 2: "check", 4: "check"},
        exercises=frozenset({"counted"}),
    )
    assert [cell.status for cell in result.cells] == ["ok"] * 5
    assert not result.suspicions


def test_a_name_that_a_failed_check_has_bound_is_not_the_students_doing(runner: Runner) -> None:
    check = "look = answer()\nassert look(1) == {}"
    result = runner.run(
        notebook(
            *("given = 1", "def answer(): return lambda n: n"),
            *(check.format(1), check.format(2), check.format(1)),
        ),
        roles={0: "instructor", 2: "check", 3: "check", 4: "check"},
        exercises=frozenset({"answer"}),
    )
    assert [cell.status for cell in result.cells[2:]] == ["ok", "error", "ok"]
    assert not result.suspicions


#: An answer that has the task that awaits it be over, and waits for ever.
ENDS = """
import asyncio
kept = []
async def square(x):
    kept.append(asyncio.current_task().get_coro())
    {}
    asyncio.Future.set_result(asyncio.current_task(), None)
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize("keep", ["pass", "kept.clear()"])
@pytest.mark.parametrize("play", ["play(main)", "await asyncio.create_task(main())"])
def test_a_coroutine_of_the_checks_goes_on_to_its_end(runner: Runner, play: str, keep: str) -> None:
    check = f"async def main():\n    assert await square(3) == 9\n{play}"
    result = run(runner, ENDS.format(keep), check=check)
    assert result.cells[-1].error_name == "NotProvedError"


def test_a_coroutine_may_be_cancelled(runner: Runner) -> None:
    check = """
async def ever():
    assert square(2) == 4
    await asyncio.sleep(1000)
async def main():
    first, _ = [asyncio.create_task(ever()) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    assert square(3) == 9
play(main)
await main()
"""
    result = run(runner, "def square(x): return x * x", check=check)
    assert result.cells[-1].status == "ok", result.cells[-1].traceback


#: How a function of the student's comes to pass for one of `inspect`, which may read code.
POSES = {
    "its file's name is set": """
import _imp
def steal(owner): return owner.__code__
_imp._fix_co_filename(steal.__code__, inspect.__file__)
""",
    "a pool compiles it": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    text = "def steal(owner): return owner.__code__"
    exec(pool.submit(compile, text, inspect.__file__, "exec").result())
""",
    "a way that leads out of the library": """
import importlib.util, os
with open("inspect.py", "w") as file: file.write("def steal(owner): return owner.__code__")
path = f"{os.path.dirname(inspect.__file__)}/{'../' * 20}{os.getcwd()[1:]}/inspect.py"
spec = importlib.util.spec_from_file_location("posing", path)
posing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(posing)
steal = posing.steal
""",
}


@pytest.mark.parametrize("way", POSES)
def test_nobody_passes_for_a_library(runner: Runner, way: str) -> None:
    result = run(runner, f"import inspect\n{POSES[way]}\nprint(steal(verify).co_consts)")
    assert not result.cells[1].outputs or result.suspicions


@pytest.mark.parametrize("way", POSES)
def test_nobody_gets_a_frame_as_a_library(runner: Runner, way: str) -> None:
    poses = POSES[way].replace("owner.__code__", "__import__('sys')._getframe(owner)")
    answer = f"import inspect\n{poses}\ndef square(x):\n    steal(1)\n    return x * x"
    result = run(runner, answer, check="assert square(3) == 9")
    assert result.cells[-1].status != "ok"
    assert "breach" in {suspicion.kind for suspicion in result.suspicions}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(runner: Runner, name: str) -> None:
    attack = ATTACKS[name]
    result = run(runner, attack.cell, check=attack.check)
    assert result.cells[-1].status != "ok", f"it passed: {result.suspicions}"
    if attack.suspicion:
        assert attack.suspicion in {suspicion.kind for suspicion in result.suspicions}


#: What is true of honest objects, by the check's own words.
HONEST = """
from collections import Counter, OrderedDict, deque
from pathlib import Path
import numpy
@dataclass(frozen=True)
class Kept:
    __slots__ = ("number", "at")
    number: int
    at: Path
class Loose:
    def __init__(self, text): self.text = text
    def __eq__(self, other): return self.text.lower() == other.text.lower()
assert same(Decision(True, 0.5)) == Decision(True, 0.5) != same(Decision(True, 1.0))
assert same([Decision(True, 0.5), Path("a")]) == [Decision(True, 0.5), Path("a")]
assert same(Kept(1, Path("a"))) == Kept(1, Path("a"))
assert same(Loose("a")) == Loose("A")
assert Path("a") in same([Path("b"), Path("a")])
assert same(Counter("abc")) == Counter("bca")
assert same(OrderedDict(a=1)) == OrderedDict(a=1)
assert same(deque([1, 2])) == deque([1, 2])
assert (same(numpy.array([1, 2])) == numpy.array([1, 2])).all()
assert not (same(numpy.array([1, 2])) == numpy.array([3, 4])).any()
called = mock.Mock()
called(1, b=Decision(True, 0.5))
assert called.mock_calls == [mock.call(1, b=Decision(True, 0.5))]
ring = [Path("a")]
ring.append(ring)
assert same(ring) is ring
"""


def test_honest_objects_are_believed(runner: Runner) -> None:
    result = run(runner, "def same(value): return value", check=HONEST)
    assert result.cells[-1].status == "ok", result.cells[-1].traceback
    assert not result.suspicions


def test_the_referees_garbage_is_not_kept(runner: Runner) -> None:
    """What is in a ring is garbage when it goes, and a ring of the referee's leads to it."""
    collect = """
import gc, types
gc.collect()
print([each for each in gc.garbage if isinstance(each, (types.MethodType, types.SimpleNamespace))])
"""
    result = runner.run(
        notebook(
            SETUP + "\nclass Mine: pass\nAgain = Mine",
            "import gc\ngc.set_debug(gc.DEBUG_SAVEALL)\ndef square(x): return x * x",
            "assert square(3) == 9\nassert square(2) == Decision",
            collect,
        ),
        roles={0: "instructor", 2: "check"},
        exercises=frozenset({"square"}),
    )
    assert "".join(result.cells[-1].outputs[0]["text"]) == "[]\n"


def test_a_copy_of_the_run_has_no_key(runner: Runner) -> None:
    search = """
import gc, os
gc.set_debug(gc.DEBUG_SAVEALL)
here, there = os.pipe()
if not (child := os.fork()):
    gc.unfreeze()
    gc.collect()
    found = [vars(each).get("_key") for each in gc.garbage if hasattr(each, "__dict__")]
    os.write(there, b"%d" % sum(map(bool, found)))
    os._exit(0)
os.waitpid(child, 0)
print(os.read(here, 1000).decode())
"""
    result = runner.run(notebook("given = 1", search), roles={0: "instructor"})
    assert "".join(result.cells[-1].outputs[0]["text"]) == "0\n"
