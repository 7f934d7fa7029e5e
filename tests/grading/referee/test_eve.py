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
    "a proxy for what is more than all": Attack(
        "import weakref\nclass More:\n    def __gt__(self, other): return True\n"
        "    __ge__ = __lt__ = __gt__\nmore = More()\ndef square(x): return weakref.proxy(more)",
        check="assert 5 < square(3) < 10",
    ),
}


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
