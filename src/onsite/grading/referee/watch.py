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
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from gc import get_freeze_count
from opcode import opmap
from sys import _getframe, getprofile, gettrace, version_info
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
from typing import Any, Concatenate, ParamSpec, TypeVar

from onsite.grading.referee.calls import witness_calls
from onsite.grading.referee.constants import REFEREE
from onsite.grading.referee.genuine import is_genuine
from onsite.grading.referee.kinds import by_id, ids, is_a, text_in
from onsite.grading.referee.opaque import NOTHING
from onsite.grading.referee.owners import Owners

#: No more than this of one kind is told of one run. Of breaches, one is enough.
MOST = 20

_CODE_OF: dict[int, Callable[[Any], Any]] = by_id({
    FrameType: lambda frame: frame.f_code,
    FunctionType: lambda function: function.__code__,
    GeneratorType: lambda generator: generator.gi_code,
    CoroutineType: lambda coroutine: coroutine.cr_code,
    AsyncGeneratorType: lambda generator: generator.ag_code,
    TracebackType: lambda trace: trace.tb_frame.f_code,
})  # fmt: skip
_FRAME_OF: dict[int, Callable[[Any], Any]] = by_id({
    GeneratorType: lambda generator: generator.gi_frame,
    CoroutineType: lambda coroutine: coroutine.cr_frame,
    AsyncGeneratorType: lambda generator: generator.ag_frame,
    TracebackType: lambda trace: trace.tb_frame,
})  # fmt: skip
#: What `gc.get_referents` must not be asked about.
_INNER = ids((
    FrameType, FunctionType, GeneratorType, CoroutineType, AsyncGeneratorType, TracebackType,
    CodeType, MappingProxyType, type(NOTHING),
))  # fmt: skip
_CODE_NAMES = frozenset(("f_code", "__code__", "gi_code", "cr_code", "ag_code"))
_FRAME_NAMES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame"))
_CHANGES = frozenset(("__code__", "__defaults__", "__kwdefaults__"))
#: The instructions that read an attribute, and by how much the place of its name is shifted.
_READS = (
    {opmap["LOAD_ATTR"]: 1}
    if version_info >= (3, 12)
    else {opmap["LOAD_ATTR"]: 0, opmap["LOAD_METHOD"]: 0}
)
_EXTENDED = opmap["EXTENDED_ARG"]
#: What of Python's own library reads code, or frames, and keeps it to itself.
_READERS = (
    "/inspect.py", "/traceback.py", "/warnings.py", "/linecache.py", "/logging/__init__.py",
    "/unittest/case.py", "/unittest/result.py", "/asyncio/coroutines.py", "/asyncio/events.py",
    "/asyncio/base_events.py", "/asyncio/base_tasks.py", "/asyncio/format_helpers.py",
    "/onsite/grading/shell.py", "/onsite/grading/cells.py", "/onsite/stage.py",
)  # fmt: skip
#: What shows code and frames to its caller, and has no business in a check.
_TALKERS = (
    "/dis.py", "/bdb.py", "/pdb.py", "/trace.py", "/profile.py", "/cloudpickle/", "/dill/",
    "/IPython/core/", "/stack_data/", "/executing/", "/_pytest/",
)  # fmt: skip
#: Library functions that return a frame.
_INDISCREET = frozenset((
    "currentframe", "stack", "trace", "walk_stack", "walk_tb", "_walk_tb_with_full_positions",
    "getouterframes", "getinnerframes", "_task_get_stack", "<lambda>",
))  # fmt: skip
#: What may call those: it looks for the line that is to be blamed.
_BLAMERS = (
    "/traceback.py", "/logging/__init__.py", "/warnings.py", "/inspect.py", "/asyncio/", "/pandas/",
    "/numpy/", "/matplotlib/", "/sqlalchemy/", "/alembic/", "/django/", "/celery/", "/kombu/",
)  # fmt: skip
_MODULES = frozenset((
    "_testcapi", "_testinternalcapi", "_testlimitedcapi", "_xxsubinterpreters", "_interpreters",
    "_xxinterpchannels", "_testbuffer", "_testmultiphase",
))  # fmt: skip
_MEMORY = frozenset((
    "ctypes.string_at", "ctypes.wstring_at", "ctypes.cdata", "ctypes.PyObj_FromPtr",
    "ctypes.memoryview_at",
))  # fmt: skip
#: What the referee does itself when it takes a cell from the line and runs it.
_REFEREES_OWN = frozenset((
    "code.__new__", "marshal.loads", "compile", "function.__new__", "exec",
))  # fmt: skip
_TRACERS = frozenset(("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"))
_P = ParamSpec("_P")
_R = TypeVar("_R")


class UnsureError(BaseException):
    """An event cannot be judged without the variables of a frame, which is the argument."""


def _looks(
    method: Callable[Concatenate[Watch, _P], _R],
) -> Callable[Concatenate[Watch, _P], _R]:
    """A method that looks at frames and code itself: what it causes is nobody else's doing."""

    @wraps(method)
    def looking(self: Watch, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        me = get_ident()
        if me in self.looking:
            return method(self, *args, **kwargs)
        self.looking[me] = 1
        try:
            return method(self, *args, **kwargs)
        finally:
            del self.looking[me]

    return looking


class Watch:
    """Decides about audit events.

    Args:
        owners: whose code is whose.
        libraries: where modules of libraries lie, with a slash at the end.
        tell: sends a suspicion to the runner: kind, event, where, what.
        tracers: code of libraries that may set a trace function while a check runs.
    """

    def __init__(
        self,
        owners: Owners,
        libraries: Collection[str],
        tell: Callable[..., None],
        tracers: Collection[CodeType],
    ) -> None:
        self._owners = owners
        self._tracers = tracers
        self._libraries = (*libraries, "<frozen ")
        self._tell = tell
        self._told: dict[str, int] = {}
        #: The threads in which the referee looks at frames and code, which are events themselves.
        self.looking: dict[int, int] = {}
        self._pretended: set[str] = set()
        #: By thread the variables of the frame that the event there is about, if they are known.
        self.variables: dict[int, list[tuple[Any, Any]]] = {}
        self.checking = False
        self._calls: dict[int, frozenset[int]] = {}  # of witnesses, by the code's id
        #: The global names of the hook, which no other function has: what called it is what an
        #: event is about. To ask a frame for its code is an event itself; for these, it is not.
        self.entry: dict[str, Any] | None = None
        #: Its code, which nobody may read: it has the keys to the referee (see opaque.py).
        self.hook: Any = None
        self.stand_in: Any = None  # what class statements of instructor's cells call
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
            "marshal.load": self._made_code,
            "marshal.loads": self._made_code,
            "marshal.dumps": self._used_code,
            "function.__new__": self._used_code,
            "exec": self._used_code,
            "compile": self._compiled,
            "import": self._imported,
            "open": self._opened,
            "ctypes.dlsym": self._symbol,
            **dict.fromkeys(_TRACERS, self._trace),
            **dict.fromkeys(_MEMORY, self._memory),
        }

    @_looks
    def own_work(self, work: Callable[[], None]) -> None:
        """Have the referee itself do, in this thread, what others must not."""
        work()

    def busy(self, event: str) -> None:
        """An event while the referee itself is at work, but does not look: whose is it?"""
        if event in _REFEREES_OWN:
            return
        self.report("breach", event, "in the middle of the referee's work")
        raise RuntimeError(f"{event} is refused here")

    def judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge an event.

        Raises:
            RuntimeError: it is refused.
        """
        # Anybody may raise an event of these names, with arguments of any kind.
        refused = self.rules[event](event, *map(_plainly, arguments))
        if refused:
            raise RuntimeError(f"{event} is refused while work is graded")

    def report(self, kind: str, event: str, what: str = "") -> None:
        """Tell the runner at once, before the operation goes on."""
        self.tell(kind, event, self._where(), what)

    def tell(self, kind: str, event: str, where: str, what: str = "") -> None:
        """Tell the runner, but not without end; what is harmless leaves room for what is not."""
        told = self._told.get(kind, 0)
        if told < MOST:
            self._told[kind] = told + 1
            self._tell(kind, event, where, what)

    # --- rules: True if refused

    def _attribute(self, event: str, owner: object, name: object, *_: object) -> bool:
        if type(name) is not str:
            return False
        if name in _CODE_NAMES:
            code = self.code_of(owner)
            if id(code) not in self._owners.codes:
                return False
            if code is not self.hook and self._may_read(owner, name):
                return False
            self.report("breach", event, f"{name} of the instructor's code")
            return True
        if name in _FRAME_NAMES and self.checking:
            # One of the student's own that does not run yet will run on top of the check's.
            leads = self._by_student(directly=True) or self._leads_to_ours(owner)
            if leads and not (self._may_read(owner, name) and not self._hands_out_frames()):
                self.report("breach", event, name)
                return True
        return False

    def _used_code(self, event: str, code: object, *_: object) -> bool:
        # Whoever has got hold of it somehow must not run it, nor take it apart.
        if type(code) is not CodeType or id(code) not in self._owners.codes:
            return False
        if self._by_instructor():
            return False
        self.report("breach", event, "the instructor's code")
        return True

    def _change(
        self, event: str, owner: object, name: object, value: object = None, *_: object
    ) -> bool:
        if type(name) is not str or name not in _CHANGES:
            return False
        if name == "__code__" and self._used_code(event, value):
            return True
        if id(self.code_of(owner)) not in self._owners.codes or self._by_instructor():
            return False
        self.report("breach", event, f"{name} of an instructor's function")
        return True

    def _frame(self, event: str, *_: object) -> bool:
        if not self.checking or not self._hands_out_frames():
            return False
        self.report("breach", event)
        return True

    def _always_refused(self, event: str, *_: object) -> bool:
        if event != "sys.addaudithook" and self._is_said_by_instructor(event):
            return False
        self.report("breach", event)
        return True

    def _list_objects(self, event: str, *_: object) -> bool:
        # The referee's own objects are among them, whenever it is.
        if self._is_said_by_instructor(event):
            return False
        self.report("breach" if self.checking or not get_freeze_count() else "noted", event)
        return True

    def _referents(self, event: str, objects: tuple[Any, ...], *_: object) -> bool:
        if self._is_said_by_instructor(event):
            return False
        known = type(objects) is tuple
        if self.checking or not known or any(id(type(each)) in _INNER for each in objects):
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
        if type(name) is not str:
            return False
        if name in _MODULES and self._by_student():
            self.report("breach", event, name)
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
        said = name if type(name) is str else ""
        python = said.startswith(("Py", "_Py"))
        self.report("breach" if python or self.checking else "noted", event, repr(said)[:80])
        return self.checking

    def _memory(self, event: str, *_: object) -> bool:
        if not self._by_student():
            return False
        self.report("breach", event)
        return self.checking

    def _trace(self, event: str, *_: object) -> bool:
        if not self.checking or self._is_said_by_instructor(event) or self._is_by_tracer():
            return False
        # When a trace function raises, which those of a Stage do, Python itself takes it away.
        if event != "sys.monitoring.register_callback" and (gettrace() or getprofile()):
            return False
        self.report("breach", event)
        return True

    # --- who is it

    @_looks
    def code_of(self, owner: object) -> Any:
        """The code of a frame, function, generator...; None if it has none."""
        look = _CODE_OF.get(id(type(owner)))
        return None if look is None else look(owner)

    def is_students(self, function: FunctionType) -> bool:
        """Whether a function's code is neither the instructor's nor a library's."""
        code = self.code_of(function)
        return id(code) not in self._owners.codes and not self._is_library(_file_of(code))

    @_looks
    def is_by_hook(self) -> bool:
        """Whether the hook itself has called what calls this, by way of what makes it look."""
        frame: FrameType | None = _getframe(0)
        for _ in range(3):
            frame = None if frame is None else frame.f_back
        return frame is not None and frame.f_globals is self.entry

    def _caller(self) -> FrameType | None:
        """The frame that caused the event; for methods that look."""
        frame: FrameType | None = _getframe(1)
        while frame is not None and frame.f_globals is not self.entry:
            frame = frame.f_back
        return None if frame is None else frame.f_back

    @_looks
    def _stack(self, most: int = 10_000) -> list[tuple[str, str, int, bool]]:
        """The frames of the code that caused the event, nearest first: file, function, line, ours.

        It ends with the first frame that is not a library's. What stands in for a class statement
        is the doing of whose statement it is.
        """
        frame = self._caller()
        found: list[tuple[str, str, int, bool]] = []
        while frame is not None and len(found) < most:
            code = frame.f_code
            if code is self.stand_in:
                frame = frame.f_back
                continue
            ours = id(code) in self._owners.codes
            found.append((_file_of(code), text_in(code.co_name), frame.f_lineno or 0, ours))
            if ours or not self._is_library(found[-1][0]):
                break
            frame = frame.f_back
        return found

    def _is_library(self, name: str) -> bool:
        return (
            name.startswith(self._libraries) and "/.." not in name and name not in self._pretended
        )

    def _by_student(self, *, directly: bool = False) -> bool:
        """Whether the student's code did it, by itself or (unless `directly`) through a library."""
        stack = self._stack(1) if directly else self._stack()
        if not stack:
            return False
        name, _, _, ours = stack[-1]
        if directly:
            return not ours and not self._is_library(name)
        # A pool, a thread or a loop calls what it was given: nobody stands behind it.
        return not ours or name == REFEREE

    @_looks
    def _is_said_by_instructor(self, event: str) -> bool:
        """Whether an instructor's code has called what the event is named after, by that name.

        What is written in C, as a finalizer or an iterator may be, is called by whatever code is at
        work, and what is written in Python calls what it was given.
        """
        frame = self._caller()
        if frame is None:
            return False
        code = frame.f_code
        name = event.rpartition(".")[2]
        return id(code) in self._owners.codes and name in code.co_names

    @_looks
    def _is_by_tracer(self) -> bool:
        """Whether the event is caused by what may set a trace function."""
        frame = self._caller()
        return frame is not None and any(frame.f_code is each for each in self._tracers)

    def _by_instructor(self) -> bool:
        """Whether an instructor's cell did it, by itself or through a library."""
        stack = self._stack()
        return bool(stack) and stack[-1][3] and stack[-1][0] != REFEREE

    @_looks
    def is_said_by(self, lines: Mapping[int, Collection[int]]) -> bool:
        """Whether what caused the event is at one of its code's `lines`, by the code's id.

        A call that somebody has smuggled into a frame of that code is made from another line.
        """
        return _is_at(self._caller(), lines)

    @_looks
    def is_witnessed(self, lines: Mapping[int, Collection[int]]) -> bool:
        """The same of a witness, which an instructor's code has to be at a call of."""
        witness = self._caller()
        frame = None if witness is None else witness.f_back
        if frame is None or not _is_at(witness, lines):
            return False
        code = frame.f_code
        if id(code) not in self._owners.codes:
            return False
        calls = self._calls.get(id(code))
        if calls is None:
            calls = self._calls[id(code)] = witness_calls(code)
        return frame.f_lasti in calls

    @_looks
    def is_own_doing(self) -> bool:
        """Whether a function of the referee's that stands on the stack has caused the event."""
        frame = self._caller()
        return frame is not None and _file_of(frame.f_code) == REFEREE

    @_looks
    def interrupts(self, folder: str, handing_on: Collection[int]) -> bool:
        """Whether what caused the event, a handler of signals, must not run yet.

        That is on top of code in `folder`, and of the functions that stand on the stack for the
        referee, except at the lines of the hook that hand a signal on.
        """
        frame = self._caller()
        below = None if frame is None else frame.f_back
        if below is None:
            return False
        if below.f_globals is self.entry and below.f_lineno in handing_on:
            return False
        name = _file_of(below.f_code)
        return name == REFEREE or name.startswith(folder)

    @_looks
    def is_class_statement(self, body: object) -> bool:
        """Whether the caller of what caused the event is the code that has the class's body."""
        code = self.code_of(body)
        frame = self._caller()
        maker = None if frame is None or frame.f_back is None else frame.f_back.f_code
        return maker is not None and any(each is code for each in maker.co_consts)

    @_looks
    def _leads_to_ours(self, owner: object) -> bool:
        """Whether the frame of a traceback, or generator, is the instructor's or runs on one."""
        look = _FRAME_OF.get(id(type(owner)))
        frame = None if look is None else look(owner)
        while frame is not None:
            if id(frame.f_code) in self._owners.codes:
                return True
            frame = frame.f_back
        return False

    @_looks
    def _may_read(self, owner: object, name: object) -> bool:
        """Whether what reads an attribute of `owner` has asked for it, and keeps it to itself.

        C functions can be made to read one for somebody else while any code is at work, so the
        caller has to be at an instruction that reads this attribute; and a library might read it of
        an object that gets it from another, so it has to have `owner` in a variable.

        Raises:
            UnsureError: the variables are not known, and to look at them may run other code.
        """
        frame = self._caller()
        if frame is None:
            return False
        code = frame.f_code
        if _read_at(code, frame.f_lasti) != name:
            return False
        if id(code) in self._owners.codes:
            return True
        file = _file_of(code)
        if not self._is_library(file) or any(part in file for part in _TALKERS):
            return False
        if not is_genuine(code):
            return False
        variables = self.variables.get(get_ident())
        if variables is None:
            raise UnsureError(frame)
        # Up to Python 3.12 others may have added to what is shown as the variables.
        names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
        if not any(
            each is owner or (type(each) is TracebackType and each.tb_frame is owner)
            for name, each in variables
            if type(name) is str and name in names
        ):
            return False
        return file.endswith(_READERS) or self._by_instructor()

    @_looks
    def _hands_out_frames(self) -> bool:
        """Whether what asks for a frame gives it to somebody who is no library."""
        frame = self._caller()
        if frame is None:
            return False
        code = frame.f_code
        file = _file_of(code)
        if not self._is_library(file) or any(part in file for part in _TALKERS):
            return True
        if not is_genuine(code):
            return True
        name = text_in(code.co_name)
        if name not in _INDISCREET:
            return False
        if frame.f_back is None:
            return True
        caller = frame.f_back.f_code
        if id(caller) in self._owners.codes:
            return name != "walk_tb"  # what an instructor's cell asks of an error it has
        file = _file_of(caller)
        blames = self._is_library(file) and any(part in file for part in _BLAMERS)
        return not (blames and is_genuine(caller))

    def _where(self) -> str:
        stack = self._stack()
        if not stack:
            return ""
        name, function, line, _ = stack[-1]
        return f"{name}:{line} {function}"


def _is_at(frame: FrameType | None, lines: Mapping[int, Collection[int]]) -> bool:
    return frame is not None and frame.f_lineno in lines.get(id(frame.f_code), ())


def _file_of(code: CodeType) -> str:
    """Where code says it is from, as an exact `str`, whatever it was compiled with."""
    return text_in(code.co_filename)


def _plainly(argument: Any) -> Any:
    """A text as an exact `str`: one of the student's would be asked what it equals."""
    return argument if type(argument) is str or not is_a(argument, str) else text_in(argument)


def _read_at(code: CodeType, place: int) -> str:
    """The attribute that the instruction at `place` reads; "" if it reads none."""
    data = code.co_code
    shift = _READS.get(data[place])
    if shift is None:
        return ""
    argument, bits, before = data[place + 1], 8, place - 2
    while before >= 0 and data[before] == _EXTENDED:
        argument |= data[before + 1] << bits
        bits, before = bits + 8, before - 2
    return code.co_names[argument >> shift]
