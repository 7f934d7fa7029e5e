"""Whose a class is, and whether an object decides itself what a comparison with it says.

Loaded apart (see apart.py); runs no code of the objects it looks at.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType, GetSetDescriptorType, MemberDescriptorType
from typing import Any
from weakref import CallableProxyType, ProxyType

from onsite.grading.referee.kinds import (
    by_id,
    has_any,
    ids,
    is_class,
    is_heap_type,
    is_texts,
    mro_of,
    name_of,
    namespace_of,
    text_in,
)

#: An object with more parts than this is not searched for objects that decide for themselves.
_SEARCHED = 5_000

_module = type.__dict__["__module__"].__get__
_attributes = object.__getattribute__

#: Types of which an object can only tell the truth about itself.
SCALARS: frozenset[type] = frozenset((int, float, bool, str, bytes, complex, type(None)))
SCALAR_IDS = ids(SCALARS)


class Owners:
    """The instructor's code and classes; `trusted` are ids of the classes of libraries."""

    def __init__(self, trusted: frozenset[int]) -> None:
        self._trusted = trusted
        # By id, and kept so that nothing else gets the id.
        self._classes: dict[int, type] = {}
        self._disowned: dict[int, object] = {}
        self.codes: dict[int, CodeType] = {}

    def own_code(self, code: object) -> None:
        """Code that is the instructor's or the referee's, with all code in it."""
        if type(code) is CodeType:
            self.codes[id(code)] = code
            for constant in code.co_consts:
                self.own_code(constant)

    def own_class(self, value: object, body: object = None) -> None:
        """A class that is the instructor's, if the code that made it is."""
        if not is_class(value) or id(value) in self._disowned:
            return
        if body is None or id(body) in self.codes:
            self._classes[id(value)] = value

    def disown(self, value: object) -> None:
        """What a class statement of the instructor's came to, and is not the instructor's."""
        self._disowned[id(value)] = value

    def is_instructors(self, value: object) -> bool:
        """Whether it is a class that an instructor's cell has made."""
        return is_class(value) and id(value) in self._classes and not self.is_library(value)

    def is_library(self, kind: type) -> bool:
        """Whether it is a class that was there before the notebook."""
        return id(kind) in self._trusted or not is_heap_type(kind)

    def defines(self, kind: type, names: frozenset[str]) -> str:
        """The name of the student's class, if `kind` gets one of `names` from one."""
        for ancestor in mro_of(kind):
            if has_any(ancestor, names):
                return text_in(name_of(ancestor)) if self.is_students(ancestor) else ""
        return ""

    def decides_itself(self, value: object, names: frozenset[str], *, deep: bool = False) -> str:
        """The name of the student's class if `value`, or a part of it, has its own `names`.

        If `deep`, objects of libraries are looked into as well, as far as they show what they have.
        """
        for kind, _ in self._within(value, deep=deep):
            if name := self.defines(kind, names):
                return name
            if id(kind) in _PROXIES:  # whose object decides, cannot be found out
                return text_in(name_of(kind))
        return ""

    def has_stranger(self, value: object) -> bool:
        """Whether `value` is, or has in it, an object of a library's that says what it equals."""
        return any(parts is None for _, parts in self._within(value))

    def _within(
        self, value: object, *, deep: bool = False
    ) -> Iterator[tuple[type, list[Any] | None]]:
        """The types of an object and of those in it that are no scalars, each with its parts.

        These are None for a library's object, which is not looked into: it may be connected with
        everything. When enough has been searched, the last one stands for all that is left.
        """
        left = _SEARCHED
        todo: list[Any] = [value]
        while todo and left > 0:
            one = todo.pop()
            kind = type(one)
            if id(kind) in SCALAR_IDS:
                continue
            parts = _contents(one, kind)
            if parts is None and (id(kind) in self._classes or (deep and self.is_library(kind))):
                parts = _attributes_of(one, kind)
            yield kind, parts
            if parts is not None:
                left -= len(parts)
                todo += parts[:_SEARCHED]
        if left <= 0:
            yield object, None

    def imitate(self, value: object, change: Callable[[Any], Any]) -> Any:
        """An object of the same class with other contents, if it is the instructor's; else None.

        No code of the class runs, so one that has made its objects in another way has none.
        """
        kind = type(value)
        if kind is deque:
            return deque((change("other"),))
        if kind is OrderedDict:
            return OrderedDict({change("other"): 1})
        if kind is Counter:
            counter: Any = dict.__new__(Counter)
            dict.update(counter, {change("other"): 1})
            return counter
        if id(kind) not in self._classes or any(has_any(each, _ENDS) for each in mro_of(kind)):
            return None
        try:
            made = object.__new__(kind)
            for slot in _slots_of(kind):
                slot.__set__(made, change(slot.__get__(value)))
            own = _own_attributes(value, kind)
            if not is_texts(own):  # they would be asked for their hashes
                return None
            if own:
                _attributes(made, "__dict__").update((n, change(v)) for n, v in own.items())
        except (AttributeError, TypeError):
            return None
        return made

    def has_say(self, value: object) -> bool:
        """Whether code of the student's has a say in what a class is that is made of `value`."""
        kinds = (*mro_of(type(value)), *(mro_of(value) if is_class(value) else ()))
        return any(map(self.is_students, kinds))

    def is_students(self, kind: object) -> bool:
        """Whether it is a class that neither a library nor the instructor has made."""
        return is_class(kind) and not self.is_library(kind) and id(kind) not in self._classes


def _contents(value: Any, kind: type) -> list[Any] | None:
    """What a built-in container holds, got without any code of its class; None if it is none."""
    for base in mro_of(kind):
        if (parts := _CONTENTS.get(id(base))) is not None:
            return [part for part in parts(value) if id(type(part)) not in SCALAR_IDS]
        if _is_numpys(base, "ndarray"):
            return _objects_of(value, namespace_of(base))
    return None


def _objects_of(array: Any, methods: Any) -> list[Any]:
    """What is in an array of numpy's, if it holds objects; of a long one as much as is searched."""
    dtype = methods["dtype"].__get__(array)
    (kind,) = (each for each in mro_of(type(dtype)) if _is_numpys(each, "dtype"))
    if not namespace_of(kind)["hasobject"].__get__(dtype):
        return []
    return [*islice(methods["flat"].__get__(array), _SEARCHED + 1)]


def _is_numpys(kind: type, name: str) -> bool:
    """Whether it is that type, which may have been imported only by the student.

    It is written in C, so that nothing of it can be changed, nor can another one be made.
    """
    return not is_heap_type(kind) and name_of(kind) == name and _module(kind) == "numpy"


def _attributes_of(value: Any, kind: type) -> list[Any]:
    """The values of an object's attributes, got without any code of its class."""
    parts: list[Any] = []
    for slot in _slots_of(kind):
        try:
            parts.append(slot.__get__(value))
        except AttributeError:
            continue
    return [*parts, *_own_attributes(value, kind).values()]


def _slots_of(kind: type) -> Iterator[Any]:
    for ancestor in mro_of(kind):
        for member in namespace_of(ancestor).values():
            if type(member) is MemberDescriptorType and ancestor is not BaseException:
                yield member


def _own_attributes(value: Any, kind: type) -> dict[str, Any]:
    """What is in an object's `__dict__`, if it is one of Python's own."""
    for ancestor in mro_of(kind):
        space = namespace_of(ancestor)
        if not is_texts(space) or type(space.get("__dict__", _DICT)) is not GetSetDescriptorType:
            return {}
    try:
        own = _attributes(value, "__dict__")
    except AttributeError:
        return {}
    return own if type(own) is dict else {}


_DICT = type.__dict__["__dict__"]
_ENDS = ("__del__",)
_PROXIES = ids((ProxyType, CallableProxyType))
_CONTENTS: dict[int, Callable[[Any], list[Any]]] = by_id({
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: [*tuple.__iter__(value)],
    set: lambda value: [*set.__iter__(value)],
    frozenset: lambda value: [*frozenset.__iter__(value)],
    deque: lambda value: [*deque.__iter__(value)],
    dict: lambda value: [*dict.keys(value), *dict.values(value)],
})  # fmt: skip
