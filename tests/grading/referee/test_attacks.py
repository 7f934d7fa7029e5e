"""Close-range attacks on a verdict: each is one cell of a student's before, or in, a check."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.result import RunResult
from onsite.grading.runner import Runner

#: The instructor's cell: what checks use.
SETUP = """
import asyncio
import math
import random
import threading
import time
from dataclasses import dataclass
from unittest import mock

from onsite.stage import Stage
from onsite.virtual_time import now, play


@dataclass
class Decision:
    allowed: bool
    wait: float


def refuses(kind, call):
    try:
        call()
    except kind:
        return True
    return False


def verify(function):
    assert function(2) == 4, "helper: not 4"
"""
#: The usual check. The right answer is the square.
CHECK = """
got = square(3)
assert got == 9, f"square(3) returned {got!r}"
assert math.isclose(square(1.5), 2.25), "not close"
assert not refuses(TypeError, lambda: square(2)), "it raises"
"""


def run(runner: Runner, *students: str, check: str = CHECK) -> RunResult:
    """The setup, the student's cells, and a check, which is the last cell."""
    cells = [SETUP, *map(textwrap.dedent, students), textwrap.dedent(check)]
    return runner.run(notebook(*cells), roles={0: "instructor", len(cells) - 1: "check"})


#: Sleeps for as long as the answer says, and looks at the clock.
VIRTUAL = """
async def main():
    await asyncio.sleep(square(3))
    return now()
when = play(main)
assert when == 9, f"it is {when} s, not 9 s"
"""


@dataclass(frozen=True)
class Attack:
    """A student's cell, the check that it is to fool, and what is suspected of it."""

    cell: str
    check: str = CHECK
    suspicion: str = ""


WRONG = "def square(x):\n    return x + 1\n"
ATTACKS = {
    "honest but wrong": Attack(WRONG),
    "transformer of the syntax tree": Attack(
        WRONG
        + """
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Drop())
"""
    ),
    "transformer of the input": Attack(
        WRONG + "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])"
    ),
    "display hook": Attack(
        WRONG + "import sys\nsys.displayhook(100)\nget_ipython().displayhook(100)"
    ),
    "a value that is displayed in the check": Attack(
        "def square(x):\n    get_ipython().displayhook(100)\n    return x + 1\n"
    ),
    "equal to all": Attack(
        """
class All:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __float__(self): return 2.25
    def __hash__(self): return 1
def square(x): return All()
"""
    ),
    "less than all": Attack(
        "class Low:\n    def __lt__(self, other): return True\n"
        "    def __gt__(self, other): return True\n"
        "def square(x): return Low()",
        check="assert 5 < square(3) < 10",
    ),
    "a number that compares as it likes": Attack(
        "class N(int):\n    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\ndef square(x): return N(1)",
        check="assert square(3) == 9",
    ),
    "a float that compares as it likes": Attack(
        "class N(float):\n    def __le__(self, other): return True\n"
        "    def __ge__(self, other): return True\ndef square(x): return N(1)",
        check="assert square(3) >= 8.5",
    ),
    "a list of liars": Attack(
        "class All:\n    def __eq__(self, other): return True\n"
        "def square(x): return [All(), All()]",
        check="assert square(3) == [1, 2]",
    ),
    "liars against computed values": Attack(
        "class All:\n    def __eq__(self, other): return True\ndef square(x): return [All()]",
        check="expected = [random.random()]\nassert square(3) == expected",
    ),
    "a liar in an instructor's object": Attack(
        "class All:\n    def __eq__(self, other): return True\n"
        "def square(x): return Decision(True, All())",
        check="assert square(3) == Decision(True, 0.25)",
    ),
    "a liar in a comprehension": Attack(
        "class All:\n    def __eq__(self, other): return True\ndef square(x): return [All()] * 3",
        check="assert all(each == 9 for each in square(3))",
    ),
    "a liar outside an assertion": Attack(
        "class All:\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "def square(x): return All()",
        check="wrong = [n for n in (1, 2) if square(n) != n * n]\nassert not wrong",
    ),
    "a liar in a helper": Attack(
        "class All:\n    def __eq__(self, other): return True\ndef square(x): return All()",
        check="verify(square)",
    ),
    "contains everything": Attack(
        "class Box:\n    def __contains__(self, item): return True\ndef square(x): return Box()",
        check="assert 9 in square(3)",
    ),
    "its own truth": Attack(
        "class Yes:\n    def __bool__(self): return True\ndef square(x): return Yes()",
        check="assert square(3)",
    ),
    "its own falsehood": Attack(
        "class No:\n    def __len__(self): return 0\ndef square(x): return No()",
        check="assert not square(3)",
    ),
    "__class__ lies": Attack(
        "class Liar:\n    __class__ = int\ndef square(x): return Liar()",
        check="assert isinstance(square(3), int)",
    ),
    "a metaclass that knows all instances": Attack(
        "class Meta(type):\n    def __instancecheck__(cls, one): return True\n"
        "class Liar(metaclass=Meta): pass\ndef square(x): return 1",
        check="assert isinstance(square(3), Liar)",
    ),
    "built-in function replaced": Attack(
        "import builtins\nbuiltins.abs = lambda x: 9\n" + WRONG,
        check="assert abs(square(3)) == 9",
        suspicion="patched",
    ),
    "built-in function hidden": Attack(
        "def isinstance(*a): return True\ndef abs(x): return 9\n" + WRONG,
        check="assert isinstance(square(3), str)\nassert abs(square(3)) == 9",
    ),
    "built-in functions of the check replaced": Attack(
        "def square(x):\n    globals()['__builtins__']['isinstance'] = lambda *a: True\n"
        "    return 5",
        check="got = square(3)\nassert isinstance(got, str)",
    ),
    "module patched before": Attack(
        WRONG + "import math\nmath.isclose = lambda *a, **k: True",
        check="assert math.isclose(square(1.5), 2.25)",
        suspicion="patched",
    ),
    "module patched meanwhile": Attack(
        "import math\ndef square(x):\n    math.isclose = lambda *a, **k: True\n    return 1",
        check="assert math.isclose(square(1.5), 2.25)",
        suspicion="patched",
    ),
    "module replaced": Attack(
        WRONG
        + "import sys, types\nfake = types.ModuleType('math')\n"
        + "fake.isclose = lambda *a, **k: True\nsys.modules['math'] = fake",
        check="import math\nassert math.isclose(square(1.5), 2.25)",
        suspicion="patched",
    ),
    "finder of modules": Attack(
        WRONG
        + """
import sys, types, importlib.machinery
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "colorsys":
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec): return None
    def exec_module(self, module): module.ok = lambda *a: True
sys.meta_path.insert(0, Finder())
""",
        check="import colorsys\nassert colorsys.ok(square(3))",
    ),
    "helper replaced": Attack(
        WRONG + "refuses = lambda *a: False\ndef verify(f): pass",
        check="verify(square)",
        suspicion="rebound",
    ),
    "code of a helper swapped": Attack(
        WRONG + "def no(function): pass\nverify.__code__ = no.__code__",
        check="verify(square)",
        suspicion="breach",
    ),
    "defaults of a helper swapped": Attack(
        WRONG + "refuses.__defaults__ = (1,)", suspicion="breach"
    ),
    "Stage replaced": Attack(
        WRONG + "import onsite.stage\nonsite.stage.Stage.call = lambda *a: mock.Mock(result=9)",
        check="with Stage() as stage:\n    assert stage.call(square, 3).result == 9",
        suspicion="patched",
    ),
    "virtual time replaced": Attack(
        WRONG
        + "import onsite.virtual_time as module\nmodule.play = play = lambda main: 9\n"
        + "module.now = now = lambda: 9\n",
        check=VIRTUAL,
        suspicion="patched",
    ),
    "a virtual loop whose clock is fast": Attack(
        WRONG
        + "from onsite.virtual_time import VirtualLoop\nreal = VirtualLoop.time\n"
        + "VirtualLoop.time = lambda self: real(self) + 5",
        check=VIRTUAL,
        suspicion="patched",
    ),
    "a virtual clock that is set while it runs": Attack(
        "from onsite.virtual_time import VirtualClock\nreal = VirtualClock.select\n"
        "def select(self, timeout=None):\n    self.now = 9.0\n    return real(self, 0)\n"
        "def square(x):\n    VirtualClock.select = select\n    return x + 1",
        check=VIRTUAL,
        suspicion="patched",
    ),
    "the selector behind the virtual clock": Attack(
        WRONG
        + "import selectors\nKind = selectors.DefaultSelector\nreal = Kind.select\n"
        + "def select(self, timeout=None):\n"
        + "    self.now = 9.0\n    return real(self, timeout)\nKind.select = select",
        check=VIRTUAL,
        suspicion="patched",
    ),
    "the loop behind the virtual loop": Attack(
        WRONG
        + "import asyncio.selector_events\nKind = asyncio.selector_events.BaseSelectorEventLoop\n"
        + "real = Kind._process_events\ndef process(self, events):\n"
        + "    self._selector.now = 9.0\n    return real(self, events)\n"
        + "Kind._process_events = process",
        check=VIRTUAL,
        suspicion="patched",
    ),
    "trace before": Attack(
        """
import sys
def trace(frame, event, arg):
    if "got" in frame.f_locals:
        frame.f_globals["got"] = 9
    return trace
sys.settrace(trace)
"""
        + WRONG
    ),
    "trace in the check": Attack(
        "import sys\ndef square(x):\n    sys.settrace(lambda *a: None)\n    return x + 1",
        suspicion="breach",
    ),
    "profile in the check": Attack(
        "import sys\ndef square(x):\n    sys.setprofile(lambda *a: None)\n    return x + 1",
        suspicion="breach",
    ),
    "frame of the check": Attack(
        "import sys\ndef square(x):\n    sys._getframe(1).f_globals['x'] = 1\n    return x + 1",
        suspicion="breach",
    ),
    "frame by inspect": Attack(
        "import inspect\ndef square(x):\n    inspect.currentframe()\n    return x + 1",
        suspicion="breach",
    ),
    "frame by an exception": Attack(
        "def square(x):\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
        "        e.__traceback__.tb_frame\n    return x + 1",
        suspicion="breach",
    ),
    "frames of all threads": Attack(
        "import sys\ndef square(x):\n    sys._current_frames()\n    return x + 1",
        suspicion="breach",
    ),
    "frame by a generator, then code": Attack(
        """
def steps():
    for frame in frames:
        while frame is not None:
            try:
                found.append(frame.f_code.co_consts)
            except RuntimeError:
                pass
            frame = frame.f_back
        yield
frames, found = [], []
going = steps()
frames.append(going.gi_frame)
def square(x):
    next(going, None)
    return x + 1
""",
        suspicion="breach",
    ),
    "code of a helper": Attack(WRONG + "print(verify.__code__.co_consts)", suspicion="breach"),
    "code of a helper, by a library": Attack(
        WRONG + "import inspect\ninspect.getmembers(verify)", suspicion="breach"
    ),
    "code of a helper, by a thread": Attack(
        WRONG
        + "import threading\nt = threading.Thread(target=getattr, args=(verify, '__code__'))\n"
        + "t.start(); t.join()",
        suspicion="breach",
    ),
    "code of a helper, disassembled": Attack(
        WRONG + "import dis\ndis.dis(verify)", suspicion="breach"
    ),
    "collector in the check": Attack(
        "import gc\ndef square(x):\n    gc.get_objects()\n    return x + 1", suspicion="breach"
    ),
    "collector, thawed": Attack(
        WRONG + "import gc\ngc.unfreeze()\ngc.get_objects()", suspicion="breach"
    ),
    "what a helper refers to": Attack(
        WRONG + "import gc\ngc.get_referents(verify)", suspicion="breach"
    ),
    "the real dict of int": Attack(
        WRONG + "import gc\ngc.get_referents(int.__dict__)[0]", suspicion="breach"
    ),
    "audit hook": Attack(WRONG + "import sys\nsys.addaudithook(print)", suspicion="breach"),
    "ctypes": Attack(WRONG + "import ctypes\nctypes.string_at(id(verify), 16)", suspicion="breach"),
    "ctypes in the check": Attack(
        "import ctypes\ndef square(x):\n    ctypes.c_long.from_address(id(x))\n    return x + 1",
        suspicion="breach",
    ),
    "Python's own functions by ctypes": Attack(
        WRONG + "import ctypes\nctypes.pythonapi.PyFrame_GetCode", suspicion="breach"
    ),
    "memory as a file": Attack(WRONG + "open('/proc/self/mem', 'rb')", suspicion="breach"),
    "test modules of Python": Attack(WRONG + "import _testcapi", suspicion="breach"),
    "fresh copy of _signal": Attack(
        WRONG
        + "import _imp, importlib.util\n_imp.create_builtin(importlib.util.find_spec('_signal'))",
        suspicion="breach",
    ),
    "crafted code": Attack(
        WRONG + "square.__code__ = square.__code__.replace(co_consts=(None, 9))",
        suspicion="breach",
    ),
    "pretends to be a library": Attack(
        WRONG
        + "import json\nexec(compile('import sys\\nf = sys._getframe()', json.__file__, 'exec'))",
        suspicion="breach",
    ),
    "leaves early": Attack("def square(x):\n    raise SystemExit(0)"),
    "ends the process": Attack("import os\ndef square(x):\n    os._exit(0)"),
    "forks in the check": Attack(
        "import os\ndef square(x):\n    if os.fork() == 0:\n        return 9\n"
        "    os.wait()\n    return x + 1",
    ),
    "an exception with a lying text": Attack(
        "class Fine(BaseException):\n    def __str__(self): return ''\n"
        "    __class__ = type(None)\nFine.__name__ = ''\ndef square(x):\n    raise Fine"
    ),
    "swallowed by a thread of its own": Attack(
        "def square(x):\n    raise KeyboardInterrupt",
    ),
    "swallowed by its context": Attack(
        "class Calm:\n    def __enter__(self): return self\n"
        "    def __exit__(self, *a): return True\ndef square(x): return Calm()",
        check="with square(3) as got:\n    assert got == 9",
    ),
    "jumps over by its context": Attack(
        "class Calm:\n    value = property(lambda self: 1 / 0)\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *a): return True\ndef square(x): return Calm()",
        check="with square(3) as got:\n    assert got.value == 9",
    ),
    "a message to the referee": Attack(
        "import sys\ndef square(x):\n"
        "    for event in ('onsite', 'onsite.turn', 'onsite.truth'):\n"
        "        sys.audit(event, 'truth', 0, True)\n    return x + 1"
    ),
    "takes a turn": Attack(
        """
import sys
frame = sys._getframe()
while frame is not None and frame.f_back is not None:
    frame = frame.f_back
    for value in [*frame.f_locals.values()]:
        if getattr(value, "__name__", "") == "main":
            value(None)
"""
        + WRONG
    ),
    "writes to all descriptors": Attack(
        "import os\ndef square(x):\n    for n in range(3, 60):\n        try:\n"
        "            os.write(n, b'{}' * 100)\n        except OSError: pass\n    return x + 1",
    ),
    "reads all descriptors": Attack(
        """
import os, threading
def read(n):
    try:
        os.read(n, 100)
    except OSError:
        pass
for n in range(3, 60):
    threading.Thread(target=read, args=(n,), daemon=True).start()
"""
        + WRONG
    ),
    "closes all descriptors": Attack(
        "import os\ndef square(x):\n    os.closerange(3, 100)\n    return 9"
    ),
    "signal handler": Attack(
        """
import signal
seen = []
def handler(number, frame):
    while frame is not None:
        seen.extend(frame.f_locals.items())
        try:
            seen.append(frame.f_code)
        except RuntimeError:
            pass
        frame = frame.f_back
signal.signal(signal.SIGALRM, handler)
def square(x):
    signal.raise_signal(signal.SIGALRM)
    return x + 1
""",
        suspicion="breach",
    ),
    "a finalizer": Attack(
        "import sys\nclass Late:\n    def __del__(self):\n        sys._getframe(1)\n"
        "def square(x):\n    Late()\n    return x + 1",
        suspicion="breach",
    ),
    "a coroutine's frame": Attack(
        "async def wait(): pass\ndef square(x):\n    c = wait()\n    c.cr_frame\n"
        "    c.close()\n    return x + 1",
        suspicion="breach",
    ),
    "exec in the check's names": Attack(
        "def square(x):\n    exec('class All:\\n    def __eq__(self, o): return True', globals())\n"
        "    return All()",
        check="assert square(3) == 9",
    ),
    "a class of the collection's": Attack(
        "import collections\nclass All(collections.UserDict):\n"
        "    def __eq__(self, other): return True\ndef square(x): return All()",
        check="assert square(3) == {'a': 1}",
    ),
    "registered as plain": Attack(
        "import numbers\nclass All:\n    def __eq__(self, other): return True\n"
        "numbers.Number.register(All)\nAll.__module__ = 'builtins'\nAll.__qualname__ = 'int'\n"
        "def square(x): return All()",
        check="assert square(3) == 9",
    ),
    "module patched for a moment": Attack(
        "import math\nreal = math.isclose\ndef lie(*a, **k):\n    math.isclose = real\n"
        "    return True\ndef square(x):\n    math.isclose = lie\n    return 1",
        check="assert math.isclose(square(1.5), 2.25)",
    ),
    "helper replaced for a moment": Attack(
        "real = refuses\ndef lie(*a):\n    globals()['refuses'] = real\n    return False\n"
        "def square(x):\n    globals()['refuses'] = lie\n    return 1 / 0",
        check="try:\n    square(3)\nexcept ZeroDivisionError:\n    pass\n"
        "assert not refuses(ZeroDivisionError, lambda: square(2))",
    ),
    "an exception by another name": Attack(
        "ValueError = Exception\ndef square(x): raise KeyError",
        check="try:\n    square(3)\nexcept ValueError:\n    pass\n"
        "else:\n    raise AssertionError('accepted')",
    ),
    "built-in functions of a helper": Attack(
        WRONG
        + "for name in ('sum', '__import__', '__build_class__', 'AssertionError'):\n"
        + "    verify.__builtins__[name] = lambda *a: True",
        check="verify(square)",
        suspicion="patched",
    ),
    "an event loop that does nothing": Attack(
        """
import asyncio
class Lazy(asyncio.SelectorEventLoop):
    def run_until_complete(self, future):
        if asyncio.iscoroutine(future) or "turn" not in repr(future):
            return super().run_until_complete(future)
        future.cancel()
loop = asyncio.get_running_loop()
loop.__class__ = Lazy
def square(x): return 1
""",
        suspicion="breach",
    ),
    "a description of errors that lies": Attack(
        """
import sys
for module in [*sys.modules.values()]:
    if hasattr(module, "text_of"):
        module.text_of = lambda error: ""
    if hasattr(module, "describe"):
        module.describe.__code__ = (lambda error: ("", "", [])).__code__
"""
        + WRONG
    ),
    "a collector's callback": Attack(
        "import gc, sys\ngc.callbacks.append(lambda *a: sys._getframe(1))\n"
        "def square(x):\n    gc.collect()\n    return x + 1",
        suspicion="breach",
    ),
    "a weak reference's callback": Attack(
        "import sys, weakref\nclass A: pass\n"
        "def square(x):\n    a = A()\n    r = weakref.ref(a, lambda r: sys._getframe(1))\n"
        "    del a\n    return x + 1",
        suspicion="breach",
    ),
    "frames for whoever iterates": Attack(
        "import sys\nkept = []\ndef square(x): return map(kept.append, iter(sys._getframe, None))",
        check="assert next(square(3)) is None\nassert square(3) == 9",
        suspicion="breach",
    ),
    "frames of a library for whoever iterates": Attack(
        "import inspect\nkept = []\n"
        "def square(x): return map(kept.append, iter(inspect.currentframe, None))",
        check="assert next(square(3)) is None\nassert square(3) == 9",
        suspicion="breach",
    ),
    "code for whoever iterates": Attack(
        "import operator\nkept = []\n"
        "def square(x):\n"
        "    return map(kept.append, map(operator.attrgetter('__code__'), [refuses]))",
        check="assert next(square(3)) is None\nassert square(3) == 9",
        suspicion="breach",
    ),
    "code by an attribute that remembers": Attack(
        "import functools, operator\n"
        "read = functools.lru_cache(operator.attrgetter('f.__code__'))\n"
        "class Nine:\n    f = staticmethod(refuses)\n    value = property(read)\n"
        "def square(x): return Nine()",
        check="assert square(3).value == 9",
        suspicion="breach",
    ),
    "code by a thread of a pool": Attack(
        "import executing, types\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "def square(x):\n"
        "    with ThreadPoolExecutor(1) as pool:\n"
        "        pool.submit(types.coroutine, later).result()\n"
        "    return len(later.__code__.co_consts)",
        check="def later():\n    yield 1\nassert square(3) == 9",
        suspicion="breach",
    ),
    "code by a callback of the loop": Attack(
        "import asyncio, functools, sys\nfrom stack_data import FrameInfo\n"
        "read = functools.lru_cache(FrameInfo)\n"
        "try:\n    refuses(KeyError, lambda: 1 / 0)\n"
        "except ZeroDivisionError as error:\n    trace = error.__traceback__.tb_next\n"
        "asyncio.get_running_loop().call_soon(read, trace)\n"
        "await asyncio.sleep(0)\n"
        "seen = read(trace).code.co_consts\n"
        "def square(x): return len(seen)",
        suspicion="breach",
    ),
    "the frames of the task": Attack(
        "import asyncio\nkept = []\n"
        "def square(x):\n    kept.extend(asyncio.current_task().get_stack())\n    return x + 1",
        suspicion="breach",
    ),
    "an attack after much noise": Attack(
        "import io, sys\nfor _ in range(50):\n    io.open('/proc/self/maps').close()\n"
        "def square(x):\n    sys._getframe(1)\n    return 9",
        suspicion="breach",
    ),
    "monitoring": Attack(
        """
import sys
seen = []
if hasattr(sys, "monitoring"):
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "x")
    sys.monitoring.register_callback(3, events.PY_START, lambda code, at: seen.append(code))
def square(x):
    if hasattr(sys, "monitoring"):
        sys.monitoring.set_events(3, sys.monitoring.events.PY_START)
    return 9 if any("onsite" in str(code.co_consts) for code in seen) else 1
"""
    ),
    "profiler": Attack(
        "import cProfile\np = cProfile.Profile()\ndef square(x):\n    p.enable()\n    return 1",
        suspicion="breach",
    ),
    "at exit": Attack(
        "import atexit, os\natexit.register(os._exit, 0)\n" + WRONG,
    ),
    "credit that is no number": Attack(
        "class Full:\n    def __repr__(self): return 'full'\n"
        "    def __truediv__(self, other): return self\ndef square(x): return Full()",
        check="square(3) / 4",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(runner: Runner, name: str) -> None:
    attack = ATTACKS[name]
    result = run(runner, attack.cell, check=attack.check)
    check = result.cells[-1]
    kinds = {suspicion.kind for suspicion in result.suspicions}
    assert check.status != "ok", f"it passed: {result.suspicions}"
    assert any(output["output_type"] == "error" for output in check.outputs)
    assert not any(output["output_type"] == "execute_result" for output in check.outputs)
    if attack.suspicion:
        assert attack.suspicion in kinds, result.suspicions
    else:
        assert not kinds - {"noise", "patched", "breach"}
