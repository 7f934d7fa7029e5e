"""What code under test can see of the referee leads nowhere, and to change it changes nothing."""

from __future__ import annotations

import sys

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.referee.constants import REFEREE
from onsite.grading.result import RunResult
from onsite.grading.runner import Runner

#: `below()` are the frames that it runs on top of, `codes(frame)` a frame's code, by a library's
#: function that may read it, and `found(code)` what one gets hold of from there.
SEARCH = """
import asyncio, collections, sys, traceback, types
told = []

def look():
    while True:
        frames, frame = [], FRAME
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        yield frames

looking = look()
FRAME = looking.gi_frame

def below():
    return next(looking)[1:]

def code_of(frame):
    codes = []
    def frames():
        yield frame, (1, 1, 1, 1)
        codes.extend(f.f_locals["co"] for f in below() if "co" in f.f_locals)
    traceback.StackSummary._extract_from_extended_frame_gen(frames())
    return codes[0]

def found(code):
    todo, seen, words = [*code.co_consts], set(), set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kind = type(one)
        if "referee" in str(getattr(kind, "__module__", "")):
            words.add(kind.__name__)
        if kind in (dict, set, list):
            words.add("a thing that can be changed")
        if kind is types.FunctionType and "referee" in one.__globals__.get("__name__", ""):
            words.add("a module")
        if kind in (tuple, frozenset):
            todo += one
        if kind is types.CodeType:
            todo += one.co_consts
        if "onsite.grading.cells" in str(getattr(getattr(one, "func", None), "__module__", "")):
            continue
        for name in ("__self__", "__func__", "__wrapped__", "func", "args", "obj"):
            todo.append(getattr(one, name, None))
    return words
"""


def tell(result: RunResult) -> str:
    """What the last cell has printed."""
    assert result.cells[-1].status == "ok", result.cells[-1].traceback
    return "".join(result.cells[-1].outputs[0]["text"]).strip()


def test_the_code_of_what_refuses(runner: Runner) -> None:
    search = """
try: refuses.__code__
except RuntimeError as error: trace = error.__traceback__
while trace.tb_next: trace = trace.tb_next
print(repr(trace.tb_frame).rpartition(" ")[2])
try: code_of(trace.tb_frame)
except RuntimeError as error: print(error)
"""
    result = runner.run(notebook("def refuses(): pass", SEARCH, search), roles={0: "instructor"})
    assert tell(result) == "hook>\nobject.__getattr__ is refused while work is graded"


def test_the_code_of_what_is_always_on_the_stack(runner: Runner) -> None:
    search = f"""
codes = [code_of(frame) for frame in below() if {REFEREE!r} in repr(frame)]
print([code.co_name for code in codes], set().union(*map(found, codes)))
"""
    assert tell(runner.run(notebook(SEARCH, search))) == "['main'] set()"


#: Checks in which an object of the student's is asked something, and what asks it.
ASKS = {
    "assert answer() == answer()": {"ask", "evaluate", "compare"},
    "assert same(answer(), answer())": {"ask", "evaluate", "guard"},
    "assert answer() < answer()": {"ask", "evaluate", "compare"},
    "assert 3 in collections.ChainMap(answer())": {"ask", "evaluate", "compare", "within"},
    "assert 3 not in collections.ChainMap(answer())": {"ask", "evaluate", "compare", "without"},
    "assert collections.UserList([answer()])": set(),
    "assert not isinstance(answer(), int)": set(),
}


@pytest.mark.parametrize("check", ASKS)
def test_the_code_of_what_asks(runner: Runner, check: str) -> None:
    asked = """
class Asked(dict):
    def __eq__(self, other):
        for frame in below():
            if "referee" in str(frame.f_globals.get("__name__")):
                told.append("a frame of the referee's")
            if "<referee>" in repr(frame):
                code = code_of(frame)
                told.append(code.co_name)
                told.extend(found(code))
                told.extend(type(each).__name__ for each in frame.f_locals.values()
                            if type(each) is types.FunctionType
                            and "referee" in each.__globals__.get("__name__", ""))
        return True
    __lt__ = __contains__ = __eq__
    __hash__ = None
def answer(): return Asked()
"""
    result = runner.run(
        notebook(
            "import collections\ndef same(a, b): return a == b",
            *(SEARCH, asked, check, "print(sorted({*told} - {'main', 'turn'}))"),
        ),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert tell(result) == str(sorted(ASKS[check]))


#: Objects of a library's that hand the question on to one of the student's.
LIAR = """
class Liar:
    def __init__(self): self.asked = 0
    def __eq__(self, other):
        self.asked += 1
        return lie(self)
    __hash__ = None
def answer(): return collections.UserList([Liar()])
"""
LIES = {
    "to all": "def lie(liar): return True",
    "at first": "def lie(liar): return liar.asked == 1",
    "and empties what is to come": """
def lie(liar):
    for frame in below():
        if "<referee>" in repr(frame):
            for each in frame.f_locals.values():
                if hasattr(each, "clear"): each.clear()
    return True
""",
    "and writes the variables of who asks": """
def lie(liar):
    for frame in below():
        if "<referee>" in repr(frame):
            names = frame.f_locals
            for name in [*names]:
                value = names[name]
                if type(value) in (tuple, list): names[name] = value[:0]
                elif type(value) is bool: names[name] = not value
                elif name in ("left", "right", "other", "found", "answer"): names[name] = True
    return True
""",
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_not_believed(runner: Runner, lie: str) -> None:
    result = runner.run(
        notebook("given = 1", SEARCH, LIAR, LIES[lie], "\n".join(["assert answer() == [7]"] * 12)),
        roles={0: "instructor", 4: "check"},
        exercises=frozenset({"answer"}),
    )
    assert result.cells[-1].error_name == "AssertionError"


#: What hides that a cell has raised something, from what runs on top of the cell's end.
HIDES = {
    "an event loop": """
loop = asyncio.get_running_loop()
real = loop.run_until_complete
def run(what):
    try:
        ended = real(what)
        told.append(ended)
        return None if isinstance(ended, Exception) else ended
    except Exception as error: told.append(error)
loop.run_until_complete = run
""",
    "a stream": """
class Stream:
    def __init__(self, real): self.real = real
    def __getattr__(self, name): return getattr(self.real, name)
    def flush(self):
        for frame in below():
            if "<referee>" in repr(frame):
                for name in ("error", "name", "raised"): frame.f_locals[name] = None
sys.stdout = Stream(sys.stdout)
""",
    "its own text": """
class Failed(Exception):
    def __str__(self):
        for frame in below():
            if "<referee>" in repr(frame):
                for name in ("error", "name", "raised"): frame.f_locals[name] = None
        return ""
def answer(): raise Failed
""",
}


@pytest.mark.parametrize("later", ["", "import asyncio\nawait asyncio.sleep(0)\n"])
@pytest.mark.parametrize("way", HIDES)
def test_an_error_is_not_hidden(runner: Runner, way: str, later: str) -> None:
    answer = "def answer(): raise KeyError(1)"
    result = runner.run(
        notebook("given = 1", SEARCH, answer, HIDES[way], f"assert given == 1\n{later}answer()"),
        roles={0: "instructor", 4: "check"},
        exercises=frozenset({"answer"}),
    )
    assert result.cells[-1].error_name in ("KeyError", "Failed")


def test_an_error_of_the_referees_own_leads_nowhere(runner: Runner) -> None:
    search = """
(error,) = (each for each in told if isinstance(each, Exception))
seen, trace = set(), error.__traceback__
while trace:
    frame = trace.tb_frame
    while frame:
        seen.add(frame.f_globals.get("__name__"))
        frame = frame.f_back
    trace = trace.tb_next
print(type(error).__name__, [name for name in seen if "referee" in str(name)])
"""
    result = runner.run(
        notebook(
            "import math", SEARCH, HIDES["an event loop"], "assert math.absent() == 1", search
        ),
        roles={0: "instructor", 3: "check"},
    )
    assert result.cells[3].error_name == "AttributeError"
    assert tell(result) == "AttributeError []"


def test_no_class_leads_there(runner: Runner) -> None:
    """`object.__subclasses__()` lists every class, from which methods lead to a module."""
    search = """
def classes(kind):
    for each in type.__subclasses__(kind):
        yield each
        yield from classes(each)

for kind in {*classes(object)}:
    name = type.__dict__["__module__"].__get__(kind)
    shared = vars(sys.modules[name]) if name in sys.modules else {}
    if "grading.referee" in str(name) and kind not in shared.values():
        told.append(kind)
    for value in [*type.__dict__["__dict__"].__get__(kind).values()]:
        if type(value) in (classmethod, staticmethod): value = value.__func__
        if type(value) is property: value = value.fget
        if type(value) is types.FunctionType:
            space = value.__globals__
            name = str(space.get("__name__"))
            if "grading.referee" in name and space is not vars(sys.modules.get(name, types)):
                told.append(value)
print(told)
"""
    result = runner.run(
        notebook("import asyncio\nclass Mine: pass", SEARCH, "assert Mine()", search),
        roles={0: "instructor", 2: "check"},
    )
    assert tell(result) == "[]"


@pytest.mark.parametrize("ask", ["gc.get_objects()", "gc.get_referrers(int)"])
def test_the_collector_lists_nothing(runner: Runner, ask: str) -> None:
    result = runner.run(notebook("import gc", ask, "assert given"), roles={2: "check"})
    assert (result.cells[1].error_name, result.cells[1].error_message) == (
        "RuntimeError",
        f"{ask.partition('(')[0]} is refused while work is graded",
    )
    assert [suspicion.kind for suspicion in result.suspicions] == ["noted"]


def test_a_stack_that_is_full_leads_nowhere(runner: Runner) -> None:
    search = """
def names(error):
    found, trace = set(), error.__traceback__
    while trace:
        frame = trace.tb_frame
        while frame:
            found.add(str(frame.f_globals.get("__name__")))
            frame = frame.f_back
        trace = trace.tb_next
    return found

errors = []
def deep(left):
    if left: return deep(left - 1)
    try: refuses.__code__
    except BaseException as error: errors.append(error)

limit = sys.getrecursionlimit()
sys.setrecursionlimit(len(below()) + 150)
for depth in range(150):
    try: deep(depth)
    except BaseException as error: errors.append(error)
sys.setrecursionlimit(limit)
kinds = {type(error).__name__ for error in errors}
print(sorted(kinds), [name for name in set().union(*map(names, errors)) if "referee" in name])
"""
    result = runner.run(notebook("def refuses(): pass", SEARCH, search), roles={0: "instructor"})
    assert tell(result) == "['RecursionError', 'RuntimeError'] []"


@pytest.mark.parametrize("end", ["future.cancel()", "future.cancel(); raise KeyError"])
def test_a_helper_is_not_replaced_by_its_cell_not_being_run(runner: Runner, end: str) -> None:
    lazy = f"""
class Lazy(asyncio.SelectorEventLoop):
    def run_until_complete(self, future):
        if asyncio.iscoroutine(future):
            return super().run_until_complete(future)
        self.__class__ = asyncio.SelectorEventLoop
        {end}

def verify(answer): return True
asyncio.get_running_loop().__class__ = Lazy
"""
    result = runner.run(
        notebook(
            *("import math", SEARCH, lazy, "def verify(answer): return answer == 4711"),
            "assert verify(1), 'no'",
        ),
        roles={0: "instructor", 3: "instructor", 4: "check"},
    )
    assert result.cells[-1].error_name in ("NotProvedError", "NameError")
    assert {suspicion.kind for suspicion in result.suspicions} == (
        {"breach"} if "raise" not in end else set()
    )


def test_helpers_of_a_cell_that_fails_are_its_own(runner: Runner) -> None:
    """What it has come by is the cell's, and nothing else that has its names."""
    helpers = (
        "from __future__ import annotations\nfrom __future__ import division\n"
        "from collections import Counter\ndef before(x): return x == 1\n"
        "assert answer() == 2, 'no'\ndef after(x): return x == 1"
    )
    student = "def answer(): return 1\ndef after(x): return True\nCounter = before = after"
    result = runner.run(
        notebook(
            "import math",
            student,
            helpers,
            student,
            "assert before(1)\nassert Counter()",
            "assert not before(2)",
            "assert Counter('a')['a'] == answer()",
            "assert after(2)",
        ),
        roles={0: "instructor", **dict.fromkeys((2, 4, 5, 6, 7), "check")},
        exercises=frozenset({"answer"}),
    )
    assert [cell.error_name for cell in result.cells[4:]] == [
        "AssertionError",
        "",
        "",
        "NameError",
    ]


#: What Python calls on top of whatever runs just then; `answer` has it called all the time.
ASIDE = {
    "a finalizer": """
import gc
class Last:
    def __init__(self): self.me = self
    def __del__(self): aside(); going and Last()
def answer(number):
    gc.enable(); gc.set_threshold(1)
    Last()
    return number
""",
    "a weak reference's callback": """
import gc, weakref
class Last:
    def __init__(self): self.me = self
def begin(_=None):
    kept.append(weakref.ref(last := Last(), begin if going else None))
    aside()
kept = []
def answer(number):
    gc.enable(); gc.set_threshold(1)
    begin()
    return number
""",
    "a handler": """
import signal
signal.signal(signal.SIGALRM, lambda *_: aside())
def answer(number):
    signal.setitimer(signal.ITIMER_REAL, 2e-4)
    return number
""",
}


@pytest.mark.parametrize("way", ASIDE)
def test_nothing_is_called_on_top_of_what_asks(runner: Runner, way: str) -> None:
    record = """
calls, going = 0, True
def aside():
    global calls
    calls += 1
    for frame in map(repr, below()):
        if "referee/" in frame: told.append("the referee")
        if "<referee>" in frame: told.append(frame.rpartition(" ")[2].rstrip(">"))
"""
    result = runner.run(
        notebook(
            *("given = 1", SEARCH, record, ASIDE[way]),
            "for n in range(300):\n    assert answer(n) == n\n    assert sorted([n, 1]) != [n]",
            "going = False\nprint(calls > 0, {*told} - {'main', 'turn', 'hook', 'on_signal'})",
        ),
        roles={0: "instructor", 4: "check"},
        exercises=frozenset({"answer"}),
    )
    assert tell(result) == "True set()"


def test_what_a_witness_lets_go_of_does_not_change_its_answer(runner: Runner) -> None:
    answer = """
class Eight(int):
    def __del__(self):
        for frame in below():
            if "<referee>" in repr(frame):
                for name in ("answer", "found", "value", "held"): frame.f_locals[name] = True
def answer(): return Eight(8)
"""
    result = runner.run(
        notebook("given = 1", SEARCH, answer, "assert answer() == 7"),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert result.cells[-1].error_name == "AssertionError"


def test_the_collector_seems_to_be_on_and_collects_between_cells(runner: Runner) -> None:
    cells = [
        "import gc, weakref\nclass Ring: pass\ndef ring():\n    a = Ring()\n    a.me = a\n"
        "    return weakref.ref(a)\nprint(gc.isenabled())\ngone = ring()",
        "print(gone() is None)\ngc.disable()\nprint(gc.isenabled())\nkept = ring()",
        "print(kept() is not None)\ngc.enable()\nprint(gc.isenabled(), gc.collect() > 0)",
    ]
    result = runner.run(notebook(*cells))
    said = ["".join(cell.outputs[0]["text"]).split() for cell in result.cells]
    assert said == [["True"], ["True", "False"], ["True", "True", "True"]]


#: What a process that the run has forked tries to find the referee in its memory by.
IN_A_COPY = {
    "the collector": "gc.unfreeze(); return gc.get_objects()",
    "memory": "return ctypes.string_at(id(said), 16)",
    "memory as a file": "return open('/proc/self/mem', 'rb')",
    "the code of what refuses": "return refuses.__code__",
    "an event": "return sys.addaudithook(print) or refuses.__code__",
}


@pytest.mark.parametrize("way", IN_A_COPY)
def test_a_copy_of_the_run_finds_nothing(runner: Runner, way: str) -> None:
    search = f"""
import ctypes, gc, os, stat, sys
def sockets():
    return sum(stat.S_ISSOCK(os.stat(f"/proc/self/fd/{{fd}}").st_mode)
               for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{fd}}"))
def find():
    {IN_A_COPY[way]}
here, there = os.pipe()
before = sockets()
if not (child := os.fork()):
    try: said = b""; find(); said = b"found"
    except RuntimeError as error: said = str(error).encode()
    os.write(there, b"%d %s" % (sockets() - before, said))
    os._exit(0)
os.waitpid(child, 0)
print(os.read(here, 1000).decode())
"""
    result = runner.run(notebook("def refuses(): pass", search), roles={0: "instructor"})
    closed, _, said = tell(result).partition(" ")
    assert closed == "-1"
    assert said.endswith("is refused while work is graded")


def test_this_python_shows_what_the_tests_rest_on() -> None:
    """From 3.13 on a frame's variables can be written; before, only what is in them."""
    variable = 1
    sys._getframe().f_locals["variable"] = 2
    assert variable == (2 if sys.version_info >= (3, 13) else 1)
