"""What an object is, found out without any code of its own, or of its class's or metaclass's.

A metaclass may define `__eq__` and `__hash__`, which a set or a dict of types would call; an object
may have a `__class__`, which `isinstance` asks; a key of a dict may be a text that decides itself
what it equals. Code that the student gets to run on top of the referee can look back at it, so
here everything goes by identity.

Loaded apart (see apart.py).
"""

from __future__ import annotations

from _operator import is_
from collections.abc import Iterable, Mapping
from itertools import repeat
from types import ModuleType
from typing import Any, TypeGuard

bases_of = type.__dict__["__bases__"].__get__
mro_of = type.__dict__["__mro__"].__get__
flags_of = type.__dict__["__flags__"].__get__
namespace_of = type.__dict__["__dict__"].__get__
name_of = type.__dict__["__name__"].__get__
#: What a module has, whatever its class is by now.
names_in = namespace_of(ModuleType)["__dict__"].__get__
#: What a class defines whose objects do something when they are called, or looked up in a class.
ACTS = ("__call__", "__get__", "__set__", "__delete__")
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_CLASS = 1 << 31  # Py_TPFLAGS_TYPE_SUBCLASS


def ids(kinds: Iterable[type]) -> frozenset[int]:
    """Types to be looked for by `id(kind) in ...`."""
    return frozenset(map(id, kinds))


def by_id(mapping: Mapping[type, Any]) -> dict[int, Any]:
    """What is known of types, to be looked up by `id(kind)`."""
    return {id(kind): value for kind, value in mapping.items()}


def is_a(value: object, kind: type) -> bool:
    """`isinstance`, but by the object's type alone."""
    return any(each is kind for each in mro_of(type(value)))


def is_class(value: object) -> TypeGuard[type]:
    """Whether it is a class."""
    return bool(flags_of(type(value)) & _CLASS)


def is_heap_type(kind: type) -> bool:
    """Whether a class was made while the program ran, as those are that a class statement makes."""
    return bool(flags_of(kind) & _HEAP_TYPE)


def is_texts(keys: Iterable[object]) -> bool:
    """Whether all of them are exactly `str`, so that looking one up asks none of them."""
    return all(map(is_, map(type, keys), repeat(str)))


def has_any(kind: type, names: Iterable[str]) -> bool:
    """Whether a class has one of `names` itself; one whose names are no texts may have any."""
    space = namespace_of(kind)
    return not is_texts(space) or any(name in space for name in names)


def acts(value: object, methods: Iterable[str] = ACTS) -> bool:
    """Whether an object does something where it is looked up in a class, or called."""
    return any(has_any(each, methods) for each in mro_of(type(value)))


def has_surrogate(text: str) -> bool:
    """Whether there is half a character in a text, which cannot be encoded.

    To try it would ask what somebody may have registered to handle such errors.
    """
    return not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text)


def text_in(value: Any) -> str:
    """A text as it is, without what a class of the student's has made of it; "" if it is none."""
    if type(value) is str:
        return value
    return str.__str__(value) if is_a(value, str) else ""
