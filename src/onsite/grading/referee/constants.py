"""Objects as constants of code: nothing that runs can rebind a constant."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Any

#: Where the code of the referee's functions says that it is from.
REFEREE = "<referee>"
#: A constant that begins with this stands for an object that the run puts in its place.
MARK = b"\0onsite\0"
#: And with this, for what the notebook's names have when the cell begins.
GIVEN = MARK + b"given."
#: And this for what a name has that has nothing.
ABSENT = MARK + b"absent"


def placeholders(code: CodeType, start: bytes = MARK) -> frozenset[bytes]:
    """The constants of `code`, and of the code in it, that begin with `start`."""
    found: set[bytes] = set()
    todo = [*code.co_consts]
    while todo:
        one = todo.pop()
        if isinstance(one, CodeType):
            todo += one.co_consts
        elif isinstance(one, tuple):
            todo += one
        elif isinstance(one, bytes) and one.startswith(start):
            found.add(one)
    return frozenset(found)


def fill(code: CodeType, objects: Mapping[bytes, Any]) -> CodeType:
    """`code` with objects in place of the constants that stand for them.

    Raises:
        KeyError: there is a placeholder that `objects` does not know.
    """
    constants = tuple(_filled(constant, objects) for constant in code.co_consts)
    return code.replace(co_consts=constants)


def _filled(constant: Any, objects: Mapping[bytes, Any]) -> Any:
    if isinstance(constant, CodeType):
        return fill(constant, objects)
    if isinstance(constant, bytes) and constant.startswith(MARK):
        return objects[constant]
    if isinstance(constant, tuple):
        return tuple(_filled(each, objects) for each in constant)
    return constant
