"""The referee's end in a run, behind an audit hook, which Python has no way to list or to remove.

The hook is naked.py's, and nothing but one of its constants refers to the referee, so it is in no
module and in no variable of a frame that other code could get at. It is spoken to by audit events
whose name only the constants of its own functions and of the instructor's code hold. It uses
C functions and private copies of a few modules (apart.py), because everything else may be changed
by the code under test.
"""

from __future__ import annotations

import _imp
import _operator
import _signal  # type: ignore[import-not-found]
import gc
import sys
import threading
from _thread import RLock, get_ident
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from gc import DEBUG_SAVEALL, disable, set_debug
from itertools import islice
from marshal import loads
from os import _exit, getpid, read, register_at_fork, write
from os import close as _close
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

from onsite.grading.referee.constants import ABSENT, GIVEN, MARK, fill, placeholders
from onsite.grading.referee.doubts import doubts, far_from, hidden, odd_doubts
from onsite.grading.referee.kinds import (
    bases_of,
    is_a,
    is_class,
    is_texts,
    mro_of,
    name_of,
    names_in,
    text_in,
)
from onsite.grading.referee.line import Line, Message, NoiseError
from onsite.grading.referee.owners import SCALAR_IDS, Owners
from onsite.grading.referee.plain import (
    COMPARISONS,
    NotPlainError,
    as_base,
    decode,
    encode,
    is_number,
)
from onsite.grading.referee.seal import Seal
from onsite.grading.referee.watch import UnsureError, Watch

#: What the process exits with when the line to the runner is broken.
BROKEN = 70

_settrace, _setprofile = sys.settrace, sys.setprofile
_monitoring: Any = getattr(sys, "monitoring", None)
_register: Any = None if _monitoring is None else _monitoring.register_callback
_events: list[int] = (
    [] if _monitoring is None else [e for e in vars(_monitoring.events).values() if type(e) is int]
)
_set_signal, _get_signal = _signal.signal, _signal.getsignal
_setitimer, _alarm = _signal.setitimer, _signal.alarm
_timers = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)
_create_builtin: Any = _imp.create_builtin
#: What is said by those of naked.py's functions that are handlers of signals.
_OF_SIGNALS = frozenset(("interrupt", "on_signal"))
#: Where the files lie of what the referee is made of.
_FOLDER = __file__.rpartition("/")[0] + "/"


#: What compares; "in" and "not in" are naked.py's. None of it may be a function of this file, which
#: would lead whoever is asked by it here.
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _operator.eq, "!=": _operator.ne, "<": _operator.lt, "<=": _operator.le,
    ">": _operator.gt, ">=": _operator.ge, "is": _operator.is_, "is not": _operator.is_not,
}  # fmt: skip
_IDENTITY = frozenset(("is", "is not"))
_gettrace, _getprofile = sys.gettrace, sys.getprofile
_SUBTRACTIONS = frozenset(("__sub__", "__rsub__"))
_ORDERS = frozenset(("__lt__", "__le__", "__gt__", "__ge__"))
_ORDERING = frozenset(("<", "<=", ">", ">="))
_TRUTH = frozenset(("__bool__", "__len__"))


class Referee:
    """What the hook knows.

    Args:
        line: this end of the line to the runner, over `descriptor`.
        descriptor: a socket that blocks.
        namespace: the notebook's global names.
        builtins: the built-in functions as they were, by name.
        owners, seal: see there.
        libraries, tracers: see `Watch`.
        lines: of each function of naked.py and witnesses.py, where it speaks to the referee.
        bind: makes the witnesses of the cell at a place.
        secret: the audit event that means the referee.
    """

    def __init__(
        self,
        line: Line,
        descriptor: int,
        namespace: dict[str, Any],
        builtins: dict[str, Any],
        owners: Owners,
        seal: Seal,
        libraries: tuple[str, ...],
        tracers: tuple[CodeType, ...],
        lines: Mapping[str, frozenset[int]],
        bind: Callable[[int], dict[bytes, Any]],
        secret: str,
    ) -> None:
        self._line = line
        self._descriptor = descriptor
        self._namespace = namespace
        self._builtins = builtins
        self._constants = {MARK + b"builtins." + n.encode(): v for n, v in builtins.items()}
        self._students_builtins: Any = None
        self._given_builtins: list[dict[str, Any]] = []  # each cell's, which its functions keep
        self._owners = owners
        self._seal = seal
        self._bind = bind
        self._secret = secret
        self._owner = getpid()
        self._main = get_ident()
        self._lock = RLock()
        self._busy: set[int] = set()
        # What nobody refers to any more but this; to let go of it may run code of the student's,
        # which must not happen on top of the referee.
        self._displaced = seal.displaced
        self._waiting: list[int] = []  # signals that came while the referee was at work
        self._interrupted = False
        self._running = False
        self._task: Message = {"do": ""}
        self._kept: dict[str, Any] = {}
        self._left_behind: set[str] = set()  # names that a cell binds which did not get to its end
        self._defined: set[str] = set()  # the names of which the cell has said what they are
        self._said: frozenset[str] = frozenset()  # the names in the cell's code
        self._modules = 0  # how many were loaded when the cell began
        self._comparisons: dict[int, Any] = {}  # of each cell
        self._answers: dict[tuple[int, int, str], bool] = {}
        self._reached: set[tuple[int, int, bool]] = set()
        self._raised = ""  # the name of what the cell has raised
        self._result: Any = None
        self._odd = False  # it is something of the student's instead of a number
        self._handlers: dict[int, Any] = {}
        self._on_signal: Any = None
        self._traced = False
        self._collects = True
        self._touched = True  # a cell has run behind which the seal was not looked at
        self._watch = Watch(owners, libraries, self._tell, tracers)
        #: The events that there are rules for, and the threads in which the referee itself causes
        #: some, of which `hear` need not be told.
        self.rules = frozenset(self._watch.rules)
        self.looking = self._watch.looking
        self._operators = dict(_OPERATORS)
        # Where functions speak, by their names, and by the ids of their code.
        self._speaks = lines
        self._lines: dict[int, frozenset[int]] = {}
        self._actions: dict[str, Callable[..., None]] = {
            "turn": self._turn,
            "raised": self._take_error,
            "ended": self._ended,
            "own": self._own,
            "interrupt": self._interrupt,
            "set_signal": self._set_signal,
            "get_signal": self._get_signal,
            "on_signal": self._hand_on_signal,
            "create_builtin": self._create_builtin,
            "collect": self._pretend_to_collect,
            "collects": self._pretends_to_collect,
            "debug": self._set_debug,
            "is_instance": self._is_instance,
        }
        self._evidence: dict[str, Callable[..., None]] = {
            "compare": self._compare,
            "guard": self._guard,
            "difference": self._difference,
            "leaf": self._leaf,
            "truth": self._truth,
            "failed": self._failed,
            "defined": self._define,
            "result": self._take_result,
        }

    def begin(self, functions: dict[str, Any]) -> None:
        """Listen to the functions of naked.py, and let some of them stand in for what they wrap."""
        # Who looks for names where a class is made finds none of the stand-in's, as in a module.
        code = functions["build_class"].__code__.replace(co_name="<module>")
        functions["build_class"].__code__ = self._watch.stand_in = code
        self._listen_to(functions.values())
        self._operators |= {"in": functions["within"], "not in": functions["without"]}
        self._constants |= {
            MARK + b"operators." + name.encode(): function
            for name, function in self._operators.items()
        }
        self._absent = functions["absent"]
        self._builtins["__build_class__"] = functions["build_class"]
        self._constants[MARK + b"is_instance"] = functions["is_instance"]
        self._constants[ABSENT] = functions["absent"]
        self._on_signal = functions["on_signal"]
        _signal.__dict__["signal"] = functions["set_signal"]
        _signal.__dict__["getsignal"] = functions["get_signal"]
        _imp.__dict__["create_builtin"] = functions["create_builtin"]
        gc.__dict__["enable"] = functions["enable_collector"]
        gc.__dict__["disable"] = functions["disable_collector"]
        gc.__dict__["isenabled"] = functions["is_collector_enabled"]
        gc.__dict__["set_debug"] = functions["set_debug"]
        disable()
        self._seal.forget("gc")
        _set_signal(_signal.SIGINT, functions["interrupt"])
        register_at_fork(after_in_child=self._let_go)
        self._watch.entry = functions["hook"].__globals__
        self._watch.hook = self._watch.code_of(functions["hook"])
        self._seal.accept_builtins()
        # To look at something copies the page that it is on. The first look takes longer than all
        # others together, so it is taken while the run waits for its first cell.
        self._seal.put_back()

    def _listen_to(self, functions: Iterable[Any]) -> None:
        for function in functions:
            code = self._watch.code_of(function)
            self._owners.own_code(code)
            self._lines[id(code)] = self._speaks[function.__name__]

    def hear(self, box: list[Any], _: int) -> int:
        """Judge an audit event, in naked.py's `hook`, which is what the interpreter calls.

        What is raised here is for that alone, since a traceback has the frames that it went
        through, and a frame of this file leads everywhere. Whoever gets hold of the box finds no
        more than what has happened.

        Args:
            box: the event; its arguments, or afterwards what is to be let go of; when it is heard
                once more the variables of the frame that was asked for, which the caller keeps;
                and room for the signals that come meanwhile.

        Returns:
            1 if the variables of a frame have to be known to judge it, which is in the box then.

        Raises:
            RuntimeError, AssertionError, KeyboardInterrupt: it is refused, or not believed.
        """
        if not self._watch.is_by_hook():
            return 0  # somebody has got hold of the key to this
        event, arguments, variables, _, _ = box
        box[1] = box[2] = None
        me = get_ident()
        try:
            if variables is not None:
                self._watch.variables[me] = variables
            self._hear(event, arguments, box)
        except UnsureError as unsure:
            (box[1],) = unsure.args
            return 1
        finally:
            self._watch.variables.pop(me, None)
        return 0

    def _hear(self, event: str, arguments: tuple[Any, ...], box: list[Any]) -> None:
        spoken = event == self._secret
        me = get_ident()
        if me in self._busy:
            self._hear_while_busy(event, arguments)
            return
        if getpid() != self._owner:
            self._in_a_copy(spoken, arguments)
        self._busy.add(me)
        try:
            if not spoken:
                self._traced |= event in ("sys.monitoring.register_callback",)
                self._watch.judge(event, arguments)
            elif not self._is_said(arguments):
                self._watch.report("breach", "onsite", "somebody else spoke to the referee")
                raise RuntimeError("this is for the referee alone")
            elif arguments[0] in _OF_SIGNALS and self._is_at_work():
                self._hear_while_busy(event, arguments)
                return
            else:
                word, *more = arguments
                (self._actions.get(word) or self._evidence[word])(*more)
        finally:
            self._busy.discard(me)
        if self._displaced:
            box[1] = [*self._displaced]
            self._displaced.clear()
        if me == self._main and (self._waiting or self._interrupted):
            # Handlers must not run on top of a witness, whose variables they might see.
            if not self._watch.is_own_doing() or (spoken and arguments[0] == "ended"):
                box[3] = (*self._waiting,)
                self._waiting.clear()
            if self._interrupted and self._running:
                self._interrupted = False
                raise KeyboardInterrupt

    def _is_at_work(self) -> bool:
        return self._watch.interrupts(_FOLDER, self._speaks["hook"])

    def _is_said(self, arguments: tuple[Any, ...]) -> bool:
        """Whether what means the referee comes from where it may come from."""
        if not arguments or type(arguments[0]) is not str:
            return False
        if arguments[0] in self._evidence:
            return self._watch.is_witnessed(self._lines)
        return self._watch.is_said_by(self._lines)

    def _hear_while_busy(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != self._secret:
            self._watch.busy(event)
        elif arguments[0] == "interrupt":
            self._interrupted = True
        elif arguments[0] == "on_signal":
            self._waiting += arguments[1]
            arguments[1].clear()

    # --- turns

    def _turn(self, box: list[Any]) -> None:
        if self._running:  # somebody else has called what takes turns
            self._watch.report("breach", "onsite", "took a turn out of turn")
            _exit(BROKEN)
        task = self._task = self._receive()
        self._reached.clear()
        self._defined.clear()
        self._result, self._odd, self._raised = None, False, ""
        self._interrupted = False
        self._running = True
        if task["do"] in ("exit", "student"):
            self._touched = True
            box[:] = [task["do"], task.get("source")]
            return
        # First, since a thread may set trace functions meanwhile.
        self._watch.checking = task["do"] == "check"
        self._make_ready(task)
        self._comparisons[task["cell"]] = task["comparisons"]
        witnesses = self._bind(task["cell"])
        self._listen_to(witnesses.values())
        code = _code(task["code"])
        given = {key: self._given(key) for key in placeholders(code, GIVEN)}
        code = fill(code, self._constants | witnesses | given)
        self._owners.own_code(code)
        self._said = frozenset(_said_in(code))
        own = task["variables"]
        row = None if own is None else ([tuple(map(self._value_of, own))],)
        box[:] = ["instructor", FunctionType(code, self._namespace, None, row)]
        self._modules = len(sys.modules)

    def _given(self, placeholder: bytes) -> Any:
        """What one of the instructor's names has when the cell begins."""
        name, _, attribute = placeholder.removeprefix(GIVEN).decode().partition(".")
        try:
            value = self._kept[name]
            return self._attribute_of(value, attribute) if attribute else value
        except (KeyError, AttributeError) as error:
            # Neither may lead here: not what is raised, nor what raises it.
            kind = AttributeError if attribute else NameError
            said = str(error) if attribute else f"name {name!r} is not defined"
            return partial(self._absent, kind(said))

    def _attribute_of(self, module: Any, name: str) -> Any:
        """What a module has of that name, but not by what the student has made of the module."""
        if type(module) is ModuleType:
            space = names_in(module)
            if is_texts(space) and name in space:
                return space[name]
            make = space.get("__getattr__") if is_texts(space) else None
            if type(make) is not FunctionType or self._watch.is_students(make):
                raise AttributeError(f"module has no attribute {name!r}")
        elif not is_a(module, ModuleType) or self._owners.is_students(type(module)):
            raise AttributeError(f"there is no module with {name!r} any more")
        return getattr(module, name)

    def _value_of(self, name: str) -> Any:
        """What a variable of the check's begins with."""
        if name in self._kept:
            return self._kept[name]
        return self._namespace.get(name, self._constants[ABSENT])

    def _make_ready(self, task: Message) -> None:
        """Undo what the student's code has changed of what an instructor's cell rests on."""
        self._watch.own_work(self._take_tracers_away)
        for timer in _timers:
            _setitimer(timer, 0)
        _alarm(0)
        self._tidy_names()
        self._displaced.append(self._students_builtins)
        # Functions get their built-in functions from here when they are defined.
        self._students_builtins = self._namespace.get("__builtins__")
        for label in self._put_back_builtins():
            self._watch.tell("patched", label, "")
        self._given_builtins.append({**self._builtins})
        self._namespace["__builtins__"] = self._given_builtins[-1]
        self._seal.add(task["modules"])
        if self._touched:
            for name in self._put_back():
                self._watch.tell("patched", name, "")
        self._touched = task["do"] != "check"  # after a check it is looked at
        for name in task["keeps"]:
            now = self._namespace.get(name)
            if name in self._kept and now is not self._kept[name]:
                # Reusing a name for data, or for an import, is what everybody does.
                student = type(now) is FunctionType or self._owners.is_students(now)
                if student and name not in self._left_behind:
                    self._watch.tell("rebound", name, "")
                self._displaced.append(now)
                self._namespace[name] = self._kept[name]
        self._left_behind.clear()

    def _put_back(self) -> list[str]:
        changed = self._seal.put_back()
        for each in self._seal.lost:
            self._watch.tell("breach", each, "")
        return changed

    def _put_back_builtins(self) -> list[str]:
        """Undo what was changed of the built-in functions that instructor's cells were given."""
        return [
            "built-in functions of an instructor's cell"
            for given in self._given_builtins
            if self._seal.refill(given, self._builtins)
        ]

    def _take_tracers_away(self) -> None:
        hooks = names_in(threading)
        self._seal.tidy(hooks)
        names = ("_trace_hook", "_profile_hook")
        self._displaced += [_gettrace(), _getprofile(), *map(hooks.get, names)]
        _settrace(None)
        _setprofile(None)
        hooks["_trace_hook"] = hooks["_profile_hook"] = None
        if self._traced:
            self._traced = False
            self._displaced += [
                _register(tool, event, None) for tool in range(6) for event in _events if event
            ]

    def _tidy_names(self) -> None:
        if self._seal.tidy(self._namespace):
            self._watch.tell("breach", "a global name that is no text", "")

    def _take_error(self, raised: BaseException) -> None:
        self._raised = text_in(name_of(type(raised))) or "Exception"

    def _ended(self, name: str, text: str, trace: list[list[Any]]) -> None:
        task = self._task
        self._tidy_names()
        self._running = self._interrupted = self._watch.checking = False
        changed: list[str] = []
        if task["do"] != "student":
            self._displaced.append(self._namespace.get("__builtins__"))
            self._namespace["__builtins__"] = self._students_builtins
            whole = (task["cell"], task["last"], True) in self._reached
            if not whole and not self._raised and not name:
                self._watch.tell("breach", "somebody has run something instead of a cell", "")
            if whole and task["do"] == "instructor":
                self._seal.learn(task["modules"])
                self._seal.add(task["modules"])
                self._seal.accept(self._said)
                for bound in task["binds"]:
                    value = self._bound(bound)
                    if is_class(value) and not any(map(self._owners.has_say, bases_of(value))):
                        self._owners.own_class(value)
                    if self._owners.is_instructors(value):
                        self._seal.add_class(value)
                # New ones come last. To look at all of them copies the pages that they are on.
                more = max(0, len(sys.modules) - self._modules)
                for module in [*islice(reversed(sys.modules.values()), more)]:
                    if is_a(module, ModuleType):
                        for value in [*names_in(module).values()]:
                            self._owners.own_class(value)
            elif task["do"] == "check":
                changed = self._put_back_builtins() + self._put_back()
                for each in changed:
                    self._watch.tell("patched", each, "", "while a check ran")
            # Of a cell that did not get to its end, what is not told of may be anybody's.
            # Nor is it anybody's fault then that a name is not what it was.
            if not whole:
                self._left_behind.update(task["binds"])
            for bound in task["binds"] if whole else ():
                if bound not in (task["variables"] or ()):
                    self._keep(task["cell"], bound, self._bound(bound))
        self._send(
            {
                "say": "ended",
                "ename": self._raised or text_in(name),
                "evalue": text_in(text),
                "trace": _lines_of(trace),
                "reached": sorted(self._reached),
                "result": self._result,
                "odd": self._odd,
                "patched": changed,
            }
        )

    def _bound(self, name: str) -> Any:
        """What a cell has given a name: what it has said, whatever others have made of it."""
        space = self._kept if name in self._defined else self._namespace
        return space.get(name)

    def _define(self, cell: int, name: str, value: object) -> None:
        self._defined.add(name)
        self._keep(cell, name, value)

    def _keep(self, _cell: int, name: str, value: object) -> None:
        self._displaced.append(self._kept.get(name))
        self._kept[name] = value
        add = partial(self._seal.add_function, value, name, self._watch.is_students)
        self._watch.own_work(add)

    def _own(
        self, body: FunctionType, value: object, bases: tuple[Any, ...], more: dict[str, Any]
    ) -> None:
        if not self._watch.is_class_statement(body):
            return
        # A base, its class, or a metaclass of the student's can make something else of it.
        if any(map(self._owners.has_say, (*bases, *more.values()))):
            self._owners.disown(value)
        else:
            self._owners.own_class(value, self._watch.code_of(body))

    # --- signals

    def _interrupt(self, box: list[Any]) -> None:
        if self._running:
            box.append(True)

    def _set_signal(self, box: list[Any]) -> None:
        number, handler = box
        number = _exact(number)
        plain = handler if not callable(handler) else self._on_signal
        before = _set_signal(number, plain)
        if before is self._on_signal:
            before = self._handlers.get(number)
        self._displaced.append(self._handlers.get(number))
        if callable(handler):
            self._handlers[number] = handler
        box[:] = [before]

    def _get_signal(self, box: list[Any]) -> None:
        (number,) = box
        number = _exact(number)
        handler = _get_signal(number)
        box[:] = [self._handlers.get(number) if handler is self._on_signal else handler]

    def _hand_on_signal(self, box: list[Any]) -> None:
        handler = self._handlers.get(box[0])
        box[:] = [] if handler is None else [handler]

    def _create_builtin(self, box: list[Any]) -> None:
        (name,) = box
        if type(name) is not str or name in ("_signal", "_imp", "sys", "gc"):
            self._watch.report("breach", "_imp.create_builtin", repr(name)[:80])
            raise ImportError(f"{name} is there already")
        box[:] = [_create_builtin(SimpleNamespace(name=name))]

    def _pretend_to_collect(self, enabled: bool) -> None:
        self._collects = enabled

    def _pretends_to_collect(self, box: list[Any]) -> None:
        box.append(self._collects)

    def _set_debug(self, flags: Any) -> None:
        # What is kept as garbage may be the referee's.
        set_debug(_exact(flags) & ~DEBUG_SAVEALL)

    # --- evidence

    def _compare(self, cell: int, box: list[Any]) -> None:
        number, operands = box
        what = self._comparisons[cell][number]
        operators, withheld = what["operators"], what["withheld"]
        if all(operator in _IDENTITY for operator in operators):
            box[:] = [self._chain(operators, operands), True]
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
        box[:] = [self._chain(operators, every), True]

    def _guard(self, _cell: int, box: list[Any]) -> None:
        what, operands = box
        operators = what.split("\n")
        self._refuse_to_vouch(operands, " ".join(operators))
        box[:] = [self._chain(operators, operands)]

    def _chain(self, operators: Any, operands: Any) -> tuple[tuple[tuple[Any, ...], ...], ...]:
        """For each comparison what to ask in the run: itself, somewhere among its doubts.

        Of each of those the arguments of witnesses.py's `ask`. Whoever is asked can see all this,
        so none of it can be changed.
        """
        chain = []
        for place, each in enumerate(operators):
            left, right = operands[place], operands[place + 1]
            operate, last = self._operators[each], place == len(operators) - 1
            others = [(True, None, operate, *other) for other in self._doubts(each, left, right)]
            chain.append((*hidden((False, last, operate, left, right), others),))
        return (*chain,)

    def _doubts(self, operator: str, left: Any, right: Any) -> list[tuple[Any, Any]]:
        """Operands for which the comparison must not hold, if an object might say what it likes."""
        if operator not in ("==", "in"):
            return []
        # What is put together anew is put together of copies: nothing in them is the student's.
        plain_left, plain_right = _plain_copy(left), _plain_copy(right)
        if plain_left and plain_right:
            return []
        if plain_left:
            others = doubts(*plain_left)
            return [(other, right) for other in (others if operator == "==" else others[:1])]
        if plain_right:
            others = doubts(*plain_right) if operator == "==" else doubts([])
            return [(left, other) for other in others]
        # Neither is plain. What a library's object says of one of the instructor's proves nothing
        # if it says it of an imitation as well.
        strange = [self._owners.has_stranger(operand) for operand in (left, right)]
        made: list[tuple[Any, Any]] = []
        if strange[0] and operator == "==":
            made += [(left, other) for other in odd_doubts(right, self._imitate)]
        if strange[1]:
            made += [(other, right) for other in odd_doubts(left, self._imitate)]
        return made

    def _imitate(self, value: Any) -> Any:
        return self._owners.imitate(value, far_from)

    def _difference(self, _cell: int, box: list[Any]) -> None:
        (operands,) = box
        self._refuse_to_vouch(operands, "-", _SUBTRACTIONS)

    def _refuse_to_vouch(
        self, operands: Any, operators: str, methods: frozenset[str] = COMPARISONS
    ) -> None:
        # Nothing else can be asked about what is subtracted or ordered, so it is looked into.
        deep: frozenset[str] = frozenset()
        if methods is _SUBTRACTIONS:
            deep = _SUBTRACTIONS
        elif _ORDERING.intersection(operators.split()):
            deep = _ORDERS
        found = [
            self._owners.decides_itself(operand, methods)
            or (deep and self._owners.decides_itself(operand, deep, deep=True))
            for operand in operands
        ]
        names = [name for name in found if name]
        if names and len(names) < len(found):
            raise AssertionError(
                f"{operators} asked an object of the class {names[0]}, which defines it itself, "
                "about something else: that proves nothing"
            )

    def _leaf(self, _cell: int, value: object) -> None:
        kind = type(value)
        if id(kind) in SCALAR_IDS:
            return
        if name := self._owners.defines(kind, _TRUTH):
            raise AssertionError(
                f"the truth of an object of the class {name}, which defines it itself, "
                "proves nothing"
            )

    def _truth(self, cell: int, number: int, held: bool) -> None:
        self._reached.add((cell, number, held))

    def _failed(self, cell: int, box: list[Any]) -> None:
        (number,) = box
        message = self._ask({"say": "failed", "cell": cell, "number": number})["message"]
        make = None
        if message is not None:
            make = eval(_code(message), self._namespace)  # noqa: S307 - the instructor's
        box[:] = [make]

    def _take_result(self, cell: int, box: list[Any]) -> None:
        (value,) = box
        if self._task["do"] == "check" and cell == self._task["cell"]:
            with_base = value
            if self._owners.is_students(type(value)):
                try:
                    with_base = as_base(value)
                except NotPlainError:
                    self._odd = True
            if is_number(with_base):
                self._result = with_base
        # What an instructor's cell comes to is shown; what a check comes to is its credit.
        box[:] = [value] if self._task["do"] == "instructor" and value is not None else []

    def _is_instance(self, box: list[Any]) -> None:
        value, kind = box
        mro = mro_of(type(value))
        kinds = kind if type(kind) is tuple else (kind,)
        if all(type(each) is type for each in kinds):
            answer = any(each is ancestor for each in kinds for ancestor in mro)
            box[:] = [answer, None]
        elif any(each is ancestor for each in kinds for ancestor in mro):
            box[:] = [True, None]
        else:
            box[:] = [None, kind]

    # --- the line

    def _let_go(self) -> None:
        """In a process that was just forked: what is there of the referee is worth nothing."""
        _close(self._descriptor)
        self._line.forget()
        self._lock = RLock()
        self._watch.hook = None  # its keys lead to nothing any more
        self._busy.clear()
        self.looking.clear()

    def _in_a_copy(self, spoken: bool, arguments: tuple[Any, ...]) -> None:
        """In a process that the run forked: it has no say, and nobody is told of what it does.

        It may have come about in another way than by `os.fork`, so the line may still be there.
        """
        self._watch.checking = True
        if not spoken:
            return
        word = arguments[0] if arguments else None
        if type(word) is not str or word in ("turn", "ended"):
            _exit(0)
        if word in ("compare", "failed", "truth"):
            raise RuntimeError("an assertion counts only in the notebook's own process")

    def _tell(self, kind: str, event: str, where: str, what: str) -> None:
        self._send({"say": "suspicion", "kind": kind, "event": event, "where": where, "what": what})

    def _ask(self, message: Message) -> Message:
        with self._lock:
            self._send(message)
            return self._receive()

    def _send(self, message: Message) -> None:
        if getpid() != self._owner:
            return
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


def _exact(number: Any) -> int:
    """A signal's number or a flag, without what a class of the student's has made of it."""
    if not is_a(number, int):
        raise TypeError("this has to be an int")
    return int.__int__(number)


def _lines_of(trace: Any) -> list[list[Any]]:
    """The lines that an error came by, as far as what tells of them is no more than that."""
    return [
        [each[0], text_in(each[1]), text_in(each[2])]
        for each in (trace if type(trace) is list else ())
        if type(each) is list and len(each) == 3 and type(each[0]) is int
    ]


def _code(text: str) -> CodeType:
    """Code that the runner has compiled, and nobody else can have sent."""
    code: CodeType = loads(bytes.fromhex(text))  # noqa: S302
    return code


def _said_in(code: CodeType) -> Iterator[str]:
    """The names that code uses, those in its texts too."""
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _said_in(constant)
        elif type(constant) is str:
            yield from constant.split(".")


def _plain_copy(value: Any) -> tuple[Any, ...]:
    """A value of which no part is the student's, alone; nothing if it is not plain."""
    try:
        return (decode(encode(value)),)
    except (NotPlainError, RuntimeError):  # RuntimeError: another thread changes it
        return ()
