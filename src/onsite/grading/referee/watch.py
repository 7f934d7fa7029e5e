"""What code under test must not do while it is checked, and what is told of it at other times.

Python's audit events say when somebody asks for frames, for code, for the interpreter's memory.
Which of them the referee's safety rests on: a code object of the instructor's or the referee's is
never handed out (its constants are what the referee listens to), no hook is added, no second
interpreter is made, and the collector does not list what was frozen. The others are signs that a
person should look at.

Loaded apart (see apart.py).
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Collection
from gc import get_freeze_count
from opcode import opname
from sys import _getframe, getprofile, gettrace
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    TracebackType,
)
from typing import Any

from onsite.grading.referee.owners import Owners

#: No more than this is told of one run.
MOST = 20

_CODE_OF: dict[type, Callable[[Any], Any]] = {
    FrameType: lambda frame: frame.f_code,
    FunctionType: lambda function: function.__code__,
    GeneratorType: lambda generator: generator.gi_code,
    CoroutineType: lambda coroutine: coroutine.cr_code,
    AsyncGeneratorType: lambda generator: generator.ag_code,
    TracebackType: lambda trace: trace.tb_frame.f_code,
}
_CODE_NAMES = frozenset(("f_code", "__code__", "gi_code", "cr_code", "ag_code"))
_FRAME_NAMES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame"))
_CHANGES = frozenset(("__code__", "__defaults__", "__kwdefaults__"))
#: How a library gets at an attribute by itself, and not for somebody who calls it.
_OWN_ACCESS = frozenset(
    code for code, name in enumerate(opname) if name in ("LOAD_ATTR", "LOAD_METHOD")
)
#: Libraries that hand code objects, or what is in them, to their caller.
_TALKERS = ("/dis.py", "/bdb.py", "/pdb.py", "/trace.py", "/profile.py", "cloudpickle/", "/dill/")
#: They do too, but have to format the errors of cells, outside of checks.
_FORMATTERS = ("/IPython/core/", "/stack_data/", "/executing/")
#: Library functions that return a frame.
_INDISCREET = frozenset(("currentframe", "stack", "trace", "walk_stack", "walk_tb", "<lambda>"))
_MODULES = frozenset((
    "_testcapi", "_testinternalcapi", "_testlimitedcapi", "_xxsubinterpreters", "_interpreters",
    "_xxinterpchannels", "_testbuffer", "_testmultiphase",
))  # fmt: skip
_MEMORY = frozenset((
    "ctypes.string_at", "ctypes.wstring_at", "ctypes.cdata", "ctypes.PyObj_FromPtr",
    "ctypes.memoryview_at",
))  # fmt: skip
_TRACERS = frozenset(("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"))


class Watch:
    """Decides about audit events.

    Args:
        owners: whose code is whose.
        libraries: where modules of libraries lie, with a slash at the end.
        tell: sends a suspicion to the runner: kind, event, where, what.
    """

    def __init__(
        self, owners: Owners, libraries: Collection[str], tell: Callable[..., None]
    ) -> None:
        self._owners = owners
        self._libraries = (*libraries, "<frozen ")
        self._tell = tell
        self._told = 0
        self._looking: set[int] = set()
        self._pretended: set[str] = set()
        self.checking = False
        #: The code of the hook: what called it is what an event is about.
        self.entry: CodeType | None = None
        self.rules: dict[str, Callable[..., bool]] = {
            "object.__getattr__": self._attribute,
            "object.__setattr__": self._change,
            "sys._getframe": self._frame,
            "sys._current_frames": self._always_refused,
            "sys._current_exceptions": self._always_refused,
            "sys.addaudithook": self._always_refused,
            "cpython.PyInterpreterState_New": self._always_refused,
            "gc.get_objects": self._list_objects,
            "gc.get_referrers": self._list_objects,
            "gc.get_referents": self._referents,
            "code.__new__": self._made_code,
            "marshal.loads": self._made_code,
            "compile": self._compiled,
            "import": self._imported,
            "open": self._opened,
            "ctypes.dlsym": self._symbol,
            **dict.fromkeys(_TRACERS, self._trace),
            **dict.fromkeys(_MEMORY, self._memory),
        }

    def begin_work(self) -> None:
        """From now on it is the referee itself who does, in this thread, what others must not."""
        self._looking.add(get_ident())

    def end_work(self) -> None:
        """Until now."""
        self._looking.discard(get_ident())

    def busy(self, event: str, me: int) -> None:
        """An event while the referee itself is at work: whose is it?"""
        if me in self._looking or event in ("code.__new__", "marshal.loads", "compile"):
            return
        self.report("breach", event, "in the middle of the referee's work")
        raise RuntimeError(f"{event} is refused here")

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge an event.

        Raises:
            RuntimeError: it is refused.
        """
        refused = self.rules[event](event, *arguments)
        if refused:
            raise RuntimeError(f"{event} is refused while work is graded")

    def report(self, kind: str, event: str, what: str = "") -> None:
        """Tell the runner at once, before the operation goes on."""
        self.tell(kind, event, self._where(), what)

    def tell(self, kind: str, event: str, where: str, what: str = "") -> None:
        """Tell the runner, but not without end."""
        if self._told < MOST:
            self._told += 1
            self._tell(kind, event, where, what)

    # --- rules: True if refused

    def _attribute(self, event: str, owner: object, name: object, *_: object) -> bool:
        if name in _CODE_NAMES:
            code = self.code_of(owner)
            if id(code) not in self._owners.codes or self._discreet():
                return False
            self.report("breach", event, f"{name} of the instructor's code")
            return True
        if name in _FRAME_NAMES and self.checking and self._by_student(directly=True):
            self.report("breach", event, str(name))
            return True
        return False

    def _change(self, event: str, owner: object, name: object, *_: object) -> bool:
        if name not in _CHANGES or id(self.code_of(owner)) not in self._owners.codes:
            return False
        if not self._by_student():
            return False
        self.report("breach", event, f"{name} of an instructor's function")
        return True

    def _frame(self, event: str, *_: object) -> bool:
        if not self.checking or not self._asks_for_frame():
            return False
        self.report("breach", event)
        return True

    def _always_refused(self, event: str, *_: object) -> bool:
        if event == "sys.addaudithook" or self._by_student():
            self.report("breach", event)
            return True
        return False

    def _list_objects(self, event: str, *_: object) -> bool:
        if not self._by_student():
            return False
        if self.checking or not get_freeze_count():
            self.report("breach", event)
            return True
        return False

    def _referents(self, event: str, objects: tuple[Any, ...], *_: object) -> bool:
        if not self._by_student():
            return False
        inner = (*_CODE_OF, CodeType, MappingProxyType)
        if self.checking or any(type(each) in inner for each in objects):
            self.report("breach", event)
            return True
        return False

    def _made_code(self, event: str, *_: object) -> bool:
        if not self._by_student(directly=True):
            return False
        self.report("breach", event)
        return self.checking

    def _compiled(self, event: str, _source: object, name: object, *_: object) -> bool:
        if type(name) is not str or not name.startswith(self._libraries):
            return False
        if self._by_student(directly=True):
            self._pretended.add(name)
            self.report("breach", event, f"code that pretends to be {name}")
        return False

    def _imported(self, event: str, name: object, *_: object) -> bool:
        if name in _MODULES and self._by_student():
            self.report("breach", event, str(name))
            return True
        if name in ("ctypes", "_ctypes") and self._by_student(directly=True):
            self.report("noted", event, "ctypes")
        return False

    def _opened(self, event: str, path: object, *_: object) -> bool:
        if type(path) is bytes:
            path = path.decode("utf-8", "replace")
        if type(path) is not str or "/proc/" not in path:
            return False
        last = path.rpartition("/")[2]
        if last == "mem":
            self.report("breach", event, path)
            return True
        if last in ("maps", "smaps", "fd") and self._by_student(directly=True):
            self.report("breach" if self.checking else "noted", event, path)
            return self.checking
        return False

    def _symbol(self, event: str, library: object, name: object, *_: object) -> bool:
        if not self._by_student():
            return False
        python = type(name) is str and name.startswith(("Py", "_Py"))
        self.report("breach" if python or self.checking else "noted", event, repr(name)[:80])
        return self.checking

    def _memory(self, event: str, *_: object) -> bool:
        if not self._by_student():
            return False
        self.report("breach", event)
        return self.checking

    def _trace(self, event: str, *_: object) -> bool:
        if not self.checking or not self._by_student():
            return False
        # When a trace function raises, which those of a Stage do, Python itself takes it away.
        if event != "sys.monitoring.register_callback" and (gettrace() or getprofile()):
            return False
        self.report("breach", event)
        return True

    # --- who is it

    def code_of(self, owner: object) -> object:
        """The code of a frame, function, generator...; None if it has none."""
        look = _CODE_OF.get(type(owner))
        if look is None:
            return None
        me = get_ident()
        self._looking.add(me)
        try:
            return look(owner)
        finally:
            self._looking.discard(me)

    def _caller(self) -> FrameType | None:
        """The frame that caused the event."""
        me = get_ident()
        mine = me not in self._looking
        self._looking.add(me)
        try:
            frame: FrameType | None = _getframe(1)
            while frame is not None and frame.f_code is not self.entry:
                frame = frame.f_back
            return None if frame is None else frame.f_back
        finally:
            if mine:
                self._looking.discard(me)

    def _stack(self, most: int = 200) -> list[tuple[str, str, int, bool]]:
        """The frames of the code that caused the event, nearest first: file, function, line, ours.

        It ends with the first frame that is not a library's.
        """
        me = get_ident()
        self._looking.add(me)
        try:
            frame = self._caller()
            found: list[tuple[str, str, int, bool]] = []
            while frame is not None and len(found) < most:
                code = frame.f_code
                ours = id(code) in self._owners.codes
                found.append((code.co_filename, code.co_name, frame.f_lineno or 0, ours))
                if ours or not self._is_library(code.co_filename):
                    break
                frame = frame.f_back
            return found
        finally:
            self._looking.discard(me)

    def _is_library(self, name: str) -> bool:
        return name.startswith(self._libraries) and name not in self._pretended

    def _by_student(self, *, directly: bool = False) -> bool:
        """Whether the student's code did it, by itself or (unless `directly`) through a library."""
        stack = self._stack(1 if directly else 200)
        if not stack:
            return False
        name, _, _, ours = stack[-1]
        return not ours and not self._is_library(name)

    def _discreet(self) -> bool:
        """Whether what asks for code keeps it to itself."""
        frame = self._caller()
        if frame is None:
            return False
        code = self.code_of(frame)
        if id(code) in self._owners.codes:
            return True
        if type(code) is not CodeType or not self._is_library(name := code.co_filename):
            return False
        if any(part in name for part in _TALKERS):
            return False
        if self.checking and any(part in name for part in _FORMATTERS):
            return False
        return code.co_code[frame.f_lasti] in _OWN_ACCESS

    def _asks_for_frame(self) -> bool:
        stack = self._stack()
        if not stack:
            return False
        last, _, _, ours = stack[-1]
        if ours or self._is_library(last):
            return False
        # A library's own use is fine, unless it returns the frame to the student.
        return len(stack) == 1 or (len(stack) == 2 and stack[0][1] in _INDISCREET)

    def _where(self) -> str:
        stack = self._stack()
        if not stack:
            return ""
        name, function, line, _ = stack[-1]
        return f"{name}:{line} {function}"
