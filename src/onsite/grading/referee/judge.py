"""The runner's side of a run's checks: hands them out, answers what they ask, and decides."""

from __future__ import annotations

import marshal
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from onsite.grading.referee.instrument import (
    Program,
    bound_by,
    instrument,
    needs_ipython,
)
from onsite.grading.referee.line import Message
from onsite.grading.referee.plain import NotPlainError, decode, encode

Role = Literal["student", "instructor", "check"]

_OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "is": operator.is_, "is not": operator.is_not,
    "in": lambda item, container: item in container,
    "not in": lambda item, container: item not in container,
}  # fmt: skip


@dataclass(slots=True)
class Hearing:
    """One cell's evidence while it runs."""

    index: int
    role: Role
    program: Program | None
    ended: Message | None = None


class Judge:
    """Knows what a notebook's checks are, and what their assertions came to.

    Args:
        cells: the notebook's cells by place.
        roles: the roles of those that are not the student's.
    """

    def __init__(self, cells: Sequence[Mapping[str, Any]], roles: Mapping[int, Role]) -> None:
        self._roles = dict(roles)
        sources = {i: _text(c) for i, c in enumerate(cells) if c.get("cell_type") == "code"}
        # A name that a cell binds need not be the built-in function of that name.
        self._own = frozenset().union(
            *(bound_by(sources[i]) for i in self._roles if i in sources)
        )
        self._sources = sources
        self._programs: dict[int, Program] = {}

    def task(self, index: int) -> tuple[Hearing, Message]:
        """The next cell's hearing, and what to send to the run."""
        source = self._sources[index]
        role = self._roles.get(index, "student")
        program = None
        if role == "check" or (role == "instructor" and not needs_ipython(source)):
            name = f"<{role} {index}>"
            program = instrument(source, name, self._own, check=role == "check")
        if program is None:
            return Hearing(index, role, None), {"do": "student", "source": source}
        self._programs[index] = program
        message = {
            "do": role,
            "cell": index,
            "code": marshal.dumps(program.code).hex(),
            "comparisons": [comparison.open for comparison in program.comparisons],
            "binds": sorted(program.binds),
        }
        return Hearing(index, role, program), message

    def answer(self, message: Message) -> Message | None:
        """What the run asks, answered; None if it does not wait for an answer."""
        match message["say"]:
            case "compare":
                return self._compare(message)
            case "failed":
                assertion = self._programs[message["cell"]].assertions[message["number"]]
                code = assertion.message
                return {"message": None if code is None else marshal.dumps(code).hex()}
        return None

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

    def false(self, hearing: Hearing) -> list[tuple[int, int]]:
        """The assertions that were false although nothing in their cell was prepared for it."""
        ended = hearing.ended or {}
        return [
            (cell, number)
            for cell, number, held in ended.get("reached", ())
            if not held and not self._programs[cell].assertions[number].guarded
        ]


def _holds(operators: Sequence[str], values: Sequence[Any]) -> bool:
    return all(
        _OPERATORS[each](values[place], values[place + 1]) for place, each in enumerate(operators)
    )


def _text(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
