"""The referee's end in a run: an audit hook, which Python has no way to list or to remove.

Nothing refers to the referee but the interpreter's list of hooks, so it is in no module and in no
variable of a frame that other code could get at. It is spoken to by audit events whose name only
the constants of its own functions (naked.py) and of the instructor's code hold. It uses
C functions and private copies of a few modules (apart.py), because everything else may be changed
by the code under test.
"""

from __future__ import annotations

import _operator
from _thread import RLock, get_ident
from collections import deque
from collections.abc import Callable, Iterator
from marshal import loads
from os import _exit, getpid, read, write
from types import CodeType, FunctionType
from typing import Any

from onsite.grading.referee.constants import MARK, fill
from onsite.grading.referee.line import Line, Message, NoiseError
from onsite.grading.referee.plain import COMPARISONS, NotPlainError, decode, encode, is_number

#: What the process exits with when the line to the runner is broken.
BROKEN = 70
#: An object with more parts than this is not searched for objects that decide for themselves.
_SEARCHED = 5_000
_HEAP_TYPE = 1 << 9

_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
_flags = type.__dict__["__flags__"].__get__
_name = type.__dict__["__name__"].__get__
_attributes = object.__getattribute__

SCALARS = frozenset((int, float, bool, str, bytes, complex, type(None)))


def _same(left: Any, right: Any) -> Any:
    return left is right


def _other(left: Any, right: Any) -> Any:
    return left is not right


def _in(left: Any, right: Any) -> Any:
    return left in right


def _not_in(left: Any, right: Any) -> Any:
    return left not in right


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _operator.eq, "!=": _operator.ne, "<": _operator.lt, "<=": _operator.le,
    ">": _operator.gt, ">=": _operator.ge, "in": _in, "not in": _not_in,
    "is": _same, "is not": _other,
}  # fmt: skip
_IDENTITY = frozenset(("is", "is not"))
_TRUTH = frozenset(("__bool__", "__len__"))


class Referee:
    """What the hook knows.

    Args:
        line: this end of the line to the runner, over `descriptor`.
        descriptor: a socket that blocks.
        secret: the audit event that means the referee.
        namespace: the notebook's global names.
        builtins: the built-in functions as they were, by name.
        trusted: ids of the classes that are not the student's.
    """

    def __init__(
        self,
        line: Line,
        descriptor: int,
        secret: str,
        namespace: dict[str, Any],
        builtins: dict[str, Any],
        trusted: frozenset[int],
    ) -> None:
        self._line = line
        self._descriptor = descriptor
        self._namespace = namespace
        self.builtins = builtins
        self._usual_builtins = namespace["__builtins__"]
        self._trusted = trusted
        # By id, and kept so that nothing else gets the id.
        self._owned: dict[int, type] = {}
        self._codes: dict[int, CodeType] = {}
        self._owner = getpid()
        self._main = get_ident()
        self._lock = RLock()
        self._busy: set[int] = set()
        self._interrupted = False
        self._running = False
        self._role = ""
        self._cell = -1
        self._binds: list[str] = []
        self._comparisons: dict[int, list[dict[str, Any]]] = {}
        self._answers: dict[tuple[int, int, str], bool] = {}
        self._reached: set[tuple[int, int, bool]] = set()
        self._result: Any = None
        self.objects: dict[bytes, Any] = {}
        self._secret = secret
        self._actions: dict[str, Callable[..., None]] = {
            "turn": self._turn,
            "ended": self._ended,
            "compare": self._compare,
            "guard": self._guard,
            "leaf": self._leaf,
            "truth": self._truth,
            "failed": self._failed,
            "result": self._take_result,
            "isinstance": self._isinstance,
            "own": self._own,
            "interrupt": self._interrupt,
        }

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What the interpreter calls at every audit event."""
        if event != self._secret:
            return
        action, *rest = arguments
        me = get_ident()
        if me in self._busy:
            if action == "interrupt":
                self._interrupted = True
            return
        if getpid() != self._owner:
            self._in_a_copy(action)
        self._busy.add(me)
        try:
            self._actions[action](*rest)
        finally:
            self._busy.discard(me)
        if self._interrupted and me == self._main:
            self._interrupted = False
            if self._running:
                raise KeyboardInterrupt

    # --- turns

    def _turn(self, box: list[Any]) -> None:
        if self._running:  # somebody else has called what takes turns
            _exit(BROKEN)
        message = self._receive()
        self._reached.clear()
        self._result = None
        self._running = True
        self._role = message["do"]
        if self._role in ("exit", "student"):
            box[:] = [self._role, message.get("source")]
            return
        self._cell = message["cell"]
        self._comparisons[self._cell] = message["comparisons"]
        objects = {**self.objects, MARK + b"cell": self._cell}
        self._binds = message["binds"]
        code = fill(_code(message["code"]), objects)
        self._codes.update((id(each), each) for each in _codes(code))
        # Functions get their built-in functions from here when they are defined.
        self._namespace["__builtins__"] = {**self.builtins}
        box[:] = ["instructor", FunctionType(code, self._namespace)]

    def _ended(self, name: str, text: str, trace: list[list[Any]]) -> None:
        self._running = self._interrupted = False
        if self._role != "student":
            self._namespace["__builtins__"] = self._usual_builtins
        if self._role == "instructor":
            for bound in self._binds:
                self._own(None, self._namespace.get(bound))
        self._send(
            {
                "say": "ended",
                "ename": name,
                "evalue": text,
                "trace": trace,
                "reached": sorted(self._reached),
                "result": self._result,
            }
        )

    def _own(self, body: FunctionType | None, value: object) -> None:
        """A class that instructor's code has made is not the student's."""
        if isinstance(value, type) and (body is None or id(body.__code__) in self._codes):
            self._owned[id(value)] = value

    def _interrupt(self, box: list[Any]) -> None:
        if self._running:
            box.append(True)

    # --- evidence

    def _compare(self, box: list[Any]) -> None:
        cell, number, operands = box
        what = self._comparisons[cell][number]
        operators, withheld = what["operators"], what["withheld"]
        if all(operator in _IDENTITY for operator in operators):
            box[:] = [_steps(operators, operands), True]
            return
        try:
            data = [encode(operand) for operand in operands]
        except (NotPlainError, RuntimeError):  # RuntimeError: another thread changes it
            data = None
        question: Message = {"say": "compare", "cell": cell, "number": number, "data": data}
        if data is not None:
            key = (cell, number, repr(data))
            answer = self._answers.get(key)
            if answer is None:
                reply = self._ask(question)
                answer = reply.get("answer")
                if answer is not None:
                    self._answers[key] = answer
            else:
                reply = {}
            if answer is not None:
                box[:] = [(), answer]
                return
        elif True in withheld:
            reply = self._ask(question)
        given = iter(operands)
        told = iter(reply["literals"]) if True in withheld else iter(())
        every = [decode(next(told)) if hidden else next(given) for hidden in withheld]
        self._refuse_to_vouch(every, " ".join(operators))
        box[:] = [_steps(operators, every), True]

    def _guard(self, box: list[Any]) -> None:
        what, operands = box
        operators = what.split("\n")
        self._refuse_to_vouch(operands, " ".join(operators))
        box[:] = _steps(operators, operands)

    def _refuse_to_vouch(self, operands: Any, operators: str) -> None:
        found = [self._decides_itself(operand, COMPARISONS) for operand in operands]
        names = [name for name in found if name]
        if names and len(names) < len(found):
            raise AssertionError(
                f"{operators} asked an object of the class {names[0]}, which defines it itself, "
                "about something else: that proves nothing"
            )

    def _leaf(self, value: object) -> None:
        kind = type(value)
        if kind in SCALARS:
            return
        if name := self._defines(kind, _TRUTH):
            raise AssertionError(
                f"the truth of an object of the class {name}, which defines it itself, "
                "proves nothing"
            )

    def _truth(self, cell: int, number: int, held: bool) -> None:
        self._reached.add((cell, number, held))

    def _failed(self, box: list[Any]) -> None:
        cell, number = box
        message = self._ask({"say": "failed", "cell": cell, "number": number})["message"]
        make = None
        if message is not None:
            make = eval(_code(message), self._namespace)  # noqa: S307 - the instructor's
        box[:] = [make]

    def _take_result(self, box: list[Any]) -> None:
        cell, value = box
        if self._role == "check" and cell == self._cell and is_number(value):
            self._result = value
        # What an instructor's cell comes to is shown; what a check comes to is its credit.
        box[:] = [value] if self._role == "instructor" and value is not None else []

    def _isinstance(self, box: list[Any]) -> None:
        value, kind = box
        mro = _mro(type(value))
        kinds = kind if type(kind) is tuple else (kind,)
        if all(type(each) is type for each in kinds):
            answer = any(each is ancestor for each in kinds for ancestor in mro)
            box[:] = [answer, None]
        elif any(each is ancestor for each in kinds for ancestor in mro):
            box[:] = [True, None]
        else:
            box[:] = [None, kind]

    # --- whose classes

    def _is_students(self, kind: type) -> bool:
        return bool(
            _flags(kind) & _HEAP_TYPE
            and id(kind) not in self._trusted
            and id(kind) not in self._owned
        )

    def _defines(self, kind: type, names: frozenset[str]) -> str:
        """The name of the student's class, if `kind` gets one of `names` from one."""
        for ancestor in _mro(kind):
            if any(name in _namespace(ancestor) for name in names):
                return _name(ancestor) if self._is_students(ancestor) else ""
        return ""

    def _decides_itself(self, value: object, names: frozenset[str]) -> str:
        """The name of the student's class if `value`, or what it consists of, decides itself."""
        left = _SEARCHED
        todo: list[Any] = [value]
        while todo and left > 0:
            one = todo.pop()
            kind = type(one)
            if kind in SCALARS:
                continue
            if name := self._defines(kind, names):
                return name
            # A library's object is not looked into: it may be connected with everything.
            parts = _contents(one, kind)
            if parts is None and id(kind) in self._owned:
                parts = _attributes_of(one, kind)
            if parts:
                left -= len(parts)
                todo += parts[:_SEARCHED]
        return ""

    # --- the line

    def _in_a_copy(self, action: str) -> None:
        """In a process that the run forked: it has no say."""
        if action in ("turn", "ended"):
            _exit(0)
        if action in ("compare", "failed", "truth"):
            raise RuntimeError("an assertion counts only in the notebook's own process")

    def _ask(self, message: Message) -> Message:
        with self._lock:
            self._send(message)
            return self._receive()

    def _send(self, message: Message) -> None:
        with self._lock:
            data = self._line.frame(message)
            try:
                while data:
                    data = data[write(self._descriptor, data) :]
            except OSError:
                _exit(BROKEN)

    def _receive(self) -> Message:
        with self._lock:
            try:
                while True:
                    data = read(self._descriptor, self._line.missing())
                    if not data:
                        _exit(BROKEN)
                    for message in self._line.feed(data):
                        return message
            except (OSError, NoiseError, ValueError):
                _exit(BROKEN)
        raise AssertionError("not reached")


def _code(text: str) -> CodeType:
    """Code that the runner has compiled, and nobody else can have sent."""
    code: CodeType = loads(bytes.fromhex(text))  # noqa: S302
    return code


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _codes(constant)


def _steps(operators: Any, operands: Any) -> list[tuple[Any, Any, Any]]:
    return [
        (OPERATORS[operator], operands[place], operands[place + 1])
        for place, operator in enumerate(operators)
    ]


def _contents(value: Any, kind: type) -> list[Any] | None:
    """What a built-in container holds, got without any code of its class; None if it is none."""
    for base in _mro(kind):
        if base in _CONTENTS:
            return [part for part in _CONTENTS[base](value) if type(part) not in SCALARS]
    return None


def _attributes_of(value: Any, kind: type) -> list[Any]:
    """The values of an object's attributes, got without any code of its class."""
    parts: list[Any] = []
    plain = True
    for ancestor in _mro(kind):
        for member in _namespace(ancestor).values():
            if type(member) is _SLOT and ancestor is not BaseException:
                try:
                    parts.append(member.__get__(value))
                except AttributeError:
                    continue
        plain &= type(_namespace(ancestor).get("__dict__", _DICT)) is _GETSET
    if plain:
        try:
            own = _attributes(value, "__dict__")
        except AttributeError:
            own = None
        if type(own) is dict:
            parts += own.values()
    return parts


class _Slotted:
    __slots__ = ("slot",)


_SLOT = type(_Slotted.slot)  # type: ignore[attr-defined]
_DICT = type.__dict__["__dict__"]
_GETSET = type(_DICT)
_CONTENTS: dict[type, Callable[[Any], list[Any]]] = {
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: [*tuple.__iter__(value)],
    set: lambda value: [*set.__iter__(value)],
    frozenset: lambda value: [*frozenset.__iter__(value)],
    deque: lambda value: [*deque.__iter__(value)],
    dict: lambda value: [*dict.keys(value), *dict.values(value)],
}
