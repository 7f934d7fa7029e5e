"""The runner's side of a run's checks: hands them out, answers what they ask, and decides."""

from __future__ import annotations

import marshal
import operator
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onsite.grading.referee.instrument import (
    Program,
    bound_by,
    defined_by,
    imported_by,
    instrument,
    make_canaries,
    needs_ipython,
    set_globally,
)
from onsite.grading.referee.line import Message, NoiseError
from onsite.grading.referee.plain import NotPlainError, decode, encode
from onsite.grading.result import CameTo, Suspicion

Role = Literal["student", "instructor", "check"]

_REACHED = [int, int, bool]  # the cell, the assertion, whether it held
_NOT_PROVED = "NotProvedError"
#: Some that nobody can foretell; few, because a cell is compiled with each.
_CANARIES = [make_canaries(secrets.token_hex(8)) for _ in range(8)]
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "is": operator.is_, "is not": operator.is_not,
    "in": lambda item, container: item in container,
    "not in": lambda item, container: item not in container,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hearing:
    """One cell's turn: what the run is sent, and what the cell is to prove, if anything."""

    role: Role
    task: Message
    program: Program | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Whose the cells of a notebook are.

    Attributes:
        roles: the roles, by place, of those that are not the student's.
        exercises: the names that the exercises ask for: these are not put back when the student
            has bound them, and may be names of built-in functions.
    """

    roles: Mapping[int, Role]
    exercises: frozenset[str] = frozenset()


def believable(ended: Message) -> Message:
    """What a run says at the end of a cell, if a referee can have said it.

    Raises:
        NoiseError: somebody else has got hold of the line.
    """
    match ended:
        case {
            "ename": str(),
            "evalue": str(),
            "trace": list(trace),
            "reached": list(reached),
            "patched": list(patched),
            "odd": bool(),
            "result": None | int() | float(),
        } if (
            all(isinstance(each, list) and len(each) == 3 for each in trace)
            and all(isinstance(each, list) and [*map(type, each)] == _REACHED for each in reached)
            and all(isinstance(each, str) for each in patched)
        ):
            return ended
    raise NoiseError


class Judge:
    """Knows what a notebook's checks are, and what their assertions came to.

    Args:
        cells: the notebook's cells by place.
        parts: whose they are.
    """

    def __init__(self, cells: Sequence[Mapping[str, Any]], parts: Parts) -> None:
        self._roles = dict(parts.roles)
        sources = {i: _text(c) for i, c in enumerate(cells) if c.get("cell_type") == "code"}
        own = [sources[index] for index in self._roles if index in sources]
        # A name that a cell binds need not be the built-in function of that name.
        self._own = parts.exercises.union(*map(bound_by, own))
        self._keeps = sorted(self._own.difference(parts.exercises, *map(set_globally, own)))
        self._definitions = _definitions(
            {index: sources[index] for index in sorted(self._roles) if index in sources},
            set(self._keeps),
        )
        self._modules = sorted(frozenset().union(*map(imported_by, own)))
        self.suspicions: list[Suspicion] = []
        self._index = -1
        self._sources = sources
        self._programs: dict[int, Program] = {}

    def hear(self, index: int) -> Hearing:
        """Begin with the cell at that place."""
        self._index = index
        source = self._sources[index]
        role = self._roles.get(index, "student")
        program = None
        if role == "check" or (role == "instructor" and not needs_ipython(source)):
            name = f"<{role} {index}>"
            canaries = secrets.choice(_CANARIES) if role == "check" else None
            given = frozenset(each for each, at in self._definitions.items() if at < index)
            program = instrument(source, name, self._own, canaries, given, frozenset(self._keeps))
        if program is None:
            return Hearing(role, {"do": "student", "source": source}, None)
        self._programs[index] = program
        message = {
            "do": role,
            "cell": index,
            "code": marshal.dumps(program.code).hex(),
            "last": len(program.assertions) - 1,
            "comparisons": [comparison.open for comparison in program.comparisons],
            "binds": sorted(program.binds),
            "variables": program.variables,
            "keeps": self._keeps,
            "modules": self._modules,
        }
        return Hearing(role, message, program)

    def answer(self, message: Message) -> Message | None:
        """What the run asks, answered; None if it does not wait for an answer.

        Raises:
            NoiseError: no referee asks such a thing.
        """
        try:
            match message["say"]:
                case "compare":
                    return self._compare(message)
                case "suspicion":
                    self._suspect(message)
                case "failed":
                    assertion = self._programs[message["cell"]].assertions[message["number"]]
                    code = assertion.message
                    return {"message": None if code is None else marshal.dumps(code).hex()}
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            raise NoiseError from None
        return None

    def _suspect(self, message: Message) -> None:
        what = f"{message['event']} {message['what']}".strip()
        where = f" at {message['where']}" if message["where"] else ""
        self.suspicions.append(Suspicion(message["kind"], self._index, f"{what}{where}"[:500]))

    def _compare(self, message: Message) -> Message:
        comparison = self._programs[message["cell"]].comparisons[message["number"]]
        literals = [literal[0] for literal in comparison.literals if literal is not None]
        if message["data"] is not None:
            given = iter(message["data"])
            try:
                values = [
                    decode(next(given)) if literal is None else literal[0]
                    for literal in comparison.literals
                ]
                return {"answer": _holds(comparison.operators, values)}
            except (NotPlainError, TypeError, ArithmeticError, ValueError):
                # The run does it itself, so that the error is raised there.
                pass
        return {"literals": [encode(literal) for literal in literals]}

    def verdict(self, hearing: Hearing, ended: Message) -> tuple[str, str]:
        """The name and the text of what a cell failed by; both are empty if it did not."""
        try:
            return self._verdict(hearing, ended)
        except (LookupError, TypeError, ValueError, AttributeError):
            # No referee says such a thing: somebody has got hold of it.
            self.suspicions.append(
                Suspicion("breach", self._index, "an account that makes no sense")
            )
            return _NOT_PROVED, "the run was tampered with, so a person has to look at it"

    def evidence(self, hearing: Hearing, ended: Message) -> tuple[tuple[int, CameTo], ...]:
        """What each assertion of a check came to, with its line; of any other cell nothing."""
        if hearing.role != "check" or hearing.program is None:
            return ()
        reached = {(number, held) for cell, number, held in ended["reached"] if cell == self._index}
        return tuple(
            (
                assertion.line,
                "did not hold"
                if (number, False) in reached
                else "held"
                if (number, True) in reached
                else "not reached",
            )
            for number, assertion in enumerate(hearing.program.assertions)
            if assertion.is_own
        )

    def _verdict(self, hearing: Hearing, ended: Message) -> tuple[str, str]:
        name, text = str(ended["ename"]), str(ended["evalue"])
        if name or hearing.role != "check":
            return name, text
        if any(suspicion.kind == "breach" for suspicion in self.suspicions):
            return _NOT_PROVED, "the run was tampered with, so a person has to look at it"
        if ended["patched"]:
            changed = ", ".join(ended["patched"][:3])
            return _NOT_PROVED, f"{changed} was replaced while the check ran"
        if ended["odd"]:
            return _NOT_PROVED, "the check ended in an object of the student's and not in a number"
        if hearing.program is None:
            return _NOT_PROVED, "this check needs IPython, and so proves nothing"
        assertions = hearing.program.assertions
        reached = {(number, held) for cell, number, held in ended["reached"] if cell == self._index}
        if not all(
            (number, assertion.canary) in reached and (number, not assertion.canary) not in reached
            for number, assertion in enumerate(assertions)
            if assertion.canary is not None
        ):
            self.suspicions.append(Suspicion("breach", self._index, "a canary said otherwise"))
            return _NOT_PROVED, "the run was tampered with, so a person has to look at it"
        if any(self._counts_as_false(*each) for each in ended["reached"]):
            return _NOT_PROVED, "an assertion did not hold, and something has swallowed its error"
        if any(
            assertion.begins and (number, True) in reached and (number + 1, True) not in reached
            for number, assertion in enumerate(assertions)
        ):
            return _NOT_PROVED, "a coroutine of the check was kept from going on to its end"
        if any(
            assertion.required and (number, True) not in reached
            for number, assertion in enumerate(assertions)
        ):
            return _NOT_PROVED, "the check ended before all of its assertions were reached"
        return "", ""

    def _counts_as_false(self, cell: int, number: int, held: bool) -> bool:
        assertion = self._programs[cell].assertions[number]
        return not (held or assertion.guarded or assertion.canary is not None)


def _definitions(sources: Mapping[int, str], keeps: Collection[str]) -> dict[tuple[str, bool], int]:
    """What instructor's cells define, with the place of the cell, if only one binds the name."""
    binders = Counter(name for source in sources.values() for name in bound_by(source))
    return {
        (name, is_module): place
        for place, source in sources.items()
        for name, is_module in defined_by(source)
        if binders[name] == 1 and name in keeps
    }


def explained(name: str, text: str, ended: Message | None) -> tuple[str, ...]:
    """An error as a student sees it: what it says, and where in their own cells it came by."""
    lines = [f"{name}: {text}" if text else name] if name else []
    for number, function, source in (ended or {}).get("trace", ()):
        lines.append(f"  line {number}, in {function}: {source}")
    return tuple(lines)


def _holds(operators: Sequence[str], values: Sequence[Any]) -> bool:
    return all(
        _OPERATORS[each](values[place], values[place + 1]) for place, each in enumerate(operators)
    )


def _text(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
