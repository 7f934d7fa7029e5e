"""No code of a student's runs on top of the referee, from where it could look back at it."""

from __future__ import annotations

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.runner import Runner

#: A generator's frame, got before it runs, shows what it runs on top of.
LOOK = """
import math, random, signal, _signal, sys, threading
ran, seen = [], []

def look():
    while True:
        frame = FRAME
        while frame is not None:
            if "referee" in frame.f_globals.get("__name__", ""):
                seen.append(repr(frame))
            frame = frame.f_back
        yield

looking = look()
FRAME = looking.gi_frame

def back(what):
    ran.append(what)
    next(looking)

class Last:
    def __init__(self, what): self.what = what
    def __call__(self, *_): return None
    def __del__(self): back(self.what)

class Number:
    def __index__(self):
        back("number")
        return 12
    __int__ = __index__

class Text(str):
    def __hash__(self):
        back("hash")
        return str.__hash__(self)
    def __eq__(self, other):
        back("equal")
        return str.__eq__(self, other)
    def __repr__(self):
        back("repr")
        return "text"

class Name(str):
    def startswith(self, *_): return back("starts with")
    def __eq__(self, other): return back("a name is equal")
    def __format__(self, _): return back("formatted") or "name"
    __hash__ = str.__hash__

class Meta(type):
    def __hash__(self):
        back("hash of a class")
        return 1
    def __eq__(self, other):
        back("a class is equal")
        return self is other
    @property
    def __module__(self): return back("module of a class")

class Odd(metaclass=Meta):
    @property
    def __class__(self): return back("class of an object")
    @property
    def __dict__(self): return back("attributes of an object")
    def __eq__(self, other): return back("object is equal") is None
"""
#: What a cell does, by what of it must have run, whenever that is.
WAYS = {
    "a function that is put back": ("isclose", "math.isclose = Last('isclose')"),
    "a function with no text for a name": (
        "odd",
        "del math.isclose\nmath.__dict__[Text('isclose')] = Last('odd')",
    ),
    "a global name that is no text": ("equal", "globals()[Text('Kept')] = 1"),
    "a module that is put back": ("module", "sys.modules['random'] = Last('module')"),
    "a finder that is taken away": ("finder", "sys.meta_path.insert(0, Last('finder'))"),
    "a trace function": ("trace", "sys.settrace(Last('trace'))"),
    "a profile function": ("profile", "threading.setprofile(Last('profile'))"),
    "built-in functions": ("sum", "Kept.method.__builtins__['sum'] = Last('sum')"),
    "a method that is taken away": ("", "Kept.more = staticmethod(Last('method'))"),
    "an attribute of what is replaced": ("kept", "kept.more = Last('kept')"),
    "the handler of a signal": (
        "handler",
        "_signal.signal(12, Last('handler'))\n_signal.signal(12, _signal.SIG_IGN)\n"
        "_signal.signal(12, print)",
    ),
    "the number of a signal": (
        "",
        "for ask in (_signal.getsignal, lambda number: _signal.signal(number, print)):\n"
        "    try: ask(Number())\n"
        "    except TypeError: pass",
    ),
    "an event with texts of its own": (
        "",
        "for event in ('import', 'open', 'compile', 'object.__getattr__', 'object.__setattr__',\n"
        "              'ctypes.dlsym', 'gc.get_referents'):\n"
        "    try: sys.audit(event, Text('a'), Text('b'), Text('c'))\n"
        "    except Exception: pass",
    ),
    "an event with objects of its own": (
        "",
        "for event in ('import', 'open', 'compile', 'object.__getattr__', 'object.__setattr__',\n"
        "              'ctypes.dlsym', 'gc.get_referents'):\n"
        "    try: sys.audit(event, Odd(), Odd(), Odd())\n"
        "    except Exception: pass",
    ),
    "what only the last look at a frame's variables keeps": (
        "variable",
        "def leave():\n"
        "    gone = Last('variable')\n"
        "    locals()\n"
        "    gone = None\n"
        "    try: Kept.method.__code__\n"
        "    except RuntimeError: pass\n"
        "leave()",
    ),
    "the same of a library's function, which the referee looks at": (
        "library",
        "import traceback, types\n"
        "class Frame(Last):\n"
        "    f_code = types.SimpleNamespace(co_filename='mine', co_name='mine')\n"
        "    f_globals, f_locals, f_lineno = {}, {}, 1\n"
        "def frames():\n"
        "    yield Frame('library'), (1, 1, 1, 1)\n"
        "    sys._getframe(1).f_locals\n"
        "    yield feed().gi_frame, (1, 1, 1, 1)\n"
        "traceback.StackSummary._extract_from_extended_frame_gen(frames())",
    ),
    "an object in place of a module": ("", "sys.modules['odd'] = Odd()"),
    "an answer of an odd class": ("", "def answer(): return Odd()"),
    "a slot of a class": (
        "slot",
        "from fractions import Fraction\n"
        "slot = property(lambda self: back('slot') or 1, lambda self, value: None)\n"
        "def answer():\n    Fraction._numerator = slot\n    return Fraction(1) + 0",
    ),
    "a module's attribute that is made when it is asked for": (
        "",
        "def answer():\n    math.__getattr__ = Last('getattr')\n    del math.isclose\n    return 1",
    ),
    "a name that an instructor's cell is made to leave": (
        "left",
        "def answer():\n    ran.append('left')\n"
        "    kept = math.__dict__.pop('isclose'), sys.modules.pop('random')\n"
        "    math.__dict__[Text('isclose')], sys.modules[Text('random')] = kept\n    return 1",
    ),
    "a file's name that is a text of its own": (
        "",
        "exec(compile('import sys\\ndef answer():\\n    sys._getframe(0)', Name('mine'), 'exec'))",
    ),
    "a file's name that is set": (
        "",
        "import _imp\ndef answer(): sys._getframe(0)\n"
        "_imp._fix_co_filename(answer.__code__, Name('mine'))",
    ),
    "a file's name that cannot be encoded": (
        "",
        "import _imp, codecs, os\n"
        "def escape(error):\n    back('escape')\n    return b'?', error.end\n"
        "codecs.register_error('surrogateescape', escape)\n"
        "def answer(): feed.__code__\n"
        "_imp._fix_co_filename(answer.__code__, os.path.dirname(os.__file__) + '/\\ud800.py')",
    ),
    "a module of another class": (
        "",
        "import types\nclass Module(types.ModuleType):\n"
        "    def __getattribute__(self, name):\n        back(name)\n"
        "        return types.ModuleType.__getattribute__(self, name)\n"
        "math.__class__ = threading.__class__ = Module",
    ),
    "what handles errors of encoding": (
        "",
        "import codecs\n"
        "def strict(error):\n    back('strict')\n    return '?', error.end\n"
        "codecs.register_error('strict', strict)\ndef answer(): return '\\ud800'",
    ),
}
SETUP = """
import math, random
class Kept:
    def method(self): return 1
kept = Kept()
def answer(): return 1
def feed(): yield 1
"""
AGAIN = "import string\nkept = Kept()\nclass Other(Kept): pass\nanswer()"
CHECK = (
    "assert answer() == 1\nassert isinstance(kept, Kept)\nassert kept.method()\n"
    "assert math.isclose(1, 1)"
)


@pytest.mark.parametrize("way", WAYS)
def test_none_of_it_runs_on_top_of_the_referee(runner: Runner, way: str) -> None:
    what, cell = WAYS[way]
    cells = [SETUP, LOOK, cell, CHECK, AGAIN, CHECK, "print(seen)", "print(ran)"]
    roles = {0: "instructor", 3: "check", 4: "instructor", 5: "check"}
    result = runner.run(
        notebook(*cells),
        roles=roles,  # type: ignore[arg-type]
        exercises=frozenset({"answer"}),
    )
    seen, ran = ("".join(cell.outputs[0]["text"]).strip() for cell in result.cells[-2:])
    assert result.cells[2].status == "ok"
    assert seen == "[]"
    assert what in ran


HASHED = """
class Key(str):
    def __hash__(self):
        back("hash")
        return str.__hash__(self)
class Numbers(set): pass
class Prices(dict): pass
"""
PLAIN = {
    "a metaclass": "class Own(str, metaclass=Meta): pass\ndef answer(): return Own('a')",
    "a key": f"{HASHED}def answer(): return {{Key('a'): 1}}",
    "a part of a set": f"{HASHED}def answer(): return {{Key('a')}}",
    "a part of a set of a class": f"{HASHED}def answer(): return Numbers({{Key('a')}})",
    "what makes a Fraction": (
        "from fractions import Fraction\nmade = Fraction(1, 2)\n"
        "def new(*_): back('new')\n"
        "def answer():\n    Fraction.__new__ = staticmethod(new)\n    return made"
    ),
    "what makes a UUID": (
        "from uuid import UUID\nmade = UUID(int=2)\n"
        "def answer():\n    UUID.__init__ = lambda *_, **__: back('init')\n    return made"
    ),
    "the hash of a Fraction": (
        "from fractions import Fraction\nmade = {(Fraction(1, 2),)}, {Fraction(1, 2): 1}\n"
        "def answer():\n    Fraction.__hash__ = lambda _: back('hash') or 1\n    return made"
    ),
    "a part of a set in an object of the instructor's": (
        f"{HASHED}from pathlib import Path\n"
        "def answer():\n    kept.more = {Key('a')}\n    return Path('a')"
    ),
    "a name in an object of the instructor's": (
        f"{HASHED}from pathlib import Path\n"
        "def answer():\n    vars(kept)[Key('a')] = 1\n    return Path('a')"
    ),
    "a key of a dict of a class": f"{HASHED}def answer(): return Prices({{Key('a'): 1}})",
}


@pytest.mark.parametrize("other", ["kept", "3"])
@pytest.mark.parametrize("what", PLAIN)
def test_what_looks_like_plain_data_is_asked_nothing(runner: Runner, what: str, other: str) -> None:
    """Neither to be copied, nor to be compared with what differs from it in one place."""
    result = runner.run(
        notebook(SETUP, LOOK, PLAIN[what], f"assert answer() == {other}", "print(seen)"),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert [cell.status for cell in result.cells] == ["ok", "ok", "ok", "error", "ok"]
    assert "".join(result.cells[-1].outputs[0]["text"]).strip() == "[]"
