"""Plain data, as it crosses from a run to the referee: JSON that says every value's exact type.

Only exact built-in types are plain, because only they cannot lie: an object of a class of the
student's decides itself what its `==`, `len()` or `bool()` say. An object of a subclass of a
built-in type that keeps the comparisons of its base is seen as that base sees it.
"""

from __future__ import annotations

# In a run these names must not be looked up in modules that a student may change.
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from math import gcd, isfinite
from typing import Any
from uuid import UUID, SafeUUID

from onsite.grading.referee.kinds import by_id, has_any, has_surrogate, mro_of

#: Values with more parts than this are not sent: they are compared where they are.
MAX_PARTS = 20_000
#: Nor are texts and numbers with more characters or bytes than this, added up.
MAX_SIZE = 1 << 20
#: Nor is anything nested deeper than this.
MAX_DEPTH = 40

#: What a class defines to decide itself how its objects compare.
COMPARISONS = frozenset(
    ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__")
)


#: The same, and how they are found in a set or dict.
_DECISIONS = COMPARISONS | {"__hash__"}


class NotPlainError(Exception):
    """A value is not plain data, or too much of it."""


_ATOMS: dict[int, Callable[[Any], Any]] = by_id({
    int: lambda value: value if -(1 << 53) < value < 1 << 53 else {"int": hex(value)},
    float: lambda value: {"float": value.hex()},
    complex: lambda value: {"complex": [value.real.hex(), value.imag.hex()]},
    bytes: lambda value: {"bytes": value.hex()},
    bytearray: lambda value: {"bytearray": value.hex()},
    range: lambda value: {"range": [value.start, value.stop, value.step]},
    Decimal: lambda value: {"Decimal": str(value)},
    date: lambda value: {"date": value.isoformat()},
    timedelta: lambda value: {"timedelta": [value.days, value.seconds, value.microseconds]},
})  # fmt: skip
# Slots of classes that are written in Python: what these classes do can be changed, their slots
# cannot.
_numerator, _denominator = (Fraction.__dict__[each] for each in ("_numerator", "_denominator"))
_number, _safe = (UUID.__dict__[each] for each in ("int", "is_safe"))
_unknown = SafeUUID.unknown
#: By the methods of the base itself, which no subclass can replace. None asks for a part's hash, as
#: it would to put parts into a set or dict: they may be the student's.
_PARTS: dict[int, Callable[[Any], Any]] = by_id({
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
    dict: dict.items,
})  # fmt: skip


def encode(value: object) -> Any:
    """`value` as JSON-able data that `decode` turns back, run without any code of the student's.

    Raises:
        NotPlainError: it is not plain.
    """
    return _encode(value, 0, [0, 0, 0])


def _encode(value: Any, depth: int, seen: list[int]) -> Any:
    """`value` as JSON-able data.

    `seen` are the parts so far, their size, and how many sets and keys this is in.
    """
    kind = type(value)
    seen[0] += 1
    if seen[0] > MAX_PARTS or depth > MAX_DEPTH:
        raise NotPlainError
    if value is None or kind is bool:
        return value
    if kind is str:
        _weigh(len(value), seen)
        # A lone surrogate cannot cross as UTF-8.
        return {"str": [*map(ord, value)]} if has_surrogate(value) else value
    if kind is int:
        _weigh(int.bit_length(value) >> 2, seen)
    elif kind is bytes or kind is bytearray:
        _weigh(2 * len(value), seen)
    elif kind is Decimal:
        _weigh(len(str(value)), seen)
    if (atom := _ATOMS.get(id(kind))) is not None:
        return atom(value)
    if id(kind) in _PARTS:
        return _encode_parts(kind, value, depth, seen)
    return _encode_rare(kind, value, depth, seen)


def _encode_parts(base: type, value: Any, depth: int, seen: list[int]) -> Any:
    parts = _PARTS[id(base)](value)
    if base is dict:
        pairs = ((_encode_key(k, depth + 1, seen), _encode(v, depth + 1, seen)) for k, v in parts)
        return {"dict": [[*pair] for pair in pairs]}
    each = _encode_key if base is set or base is frozenset else _encode
    return {base.__name__: [each(part, depth + 1, seen) for part in parts]}


def _encode_key(value: Any, depth: int, seen: list[int]) -> Any:
    """The same of what has to be asked for its hash to put it where it was."""
    seen[2] += 1
    made = _encode(value, depth, seen)
    seen[2] -= 1
    return made


def _encode_rare(kind: type, value: Any, depth: int, seen: list[int]) -> Any:
    if kind is datetime or kind is time:
        zone = value.tzinfo
        if zone is None:
            shift = None
        elif type(zone) is timezone:
            # For a time of day too: a fixed zone has the same offset always.
            shift = zone.utcoffset(None)
        else:
            raise NotPlainError
        return {
            kind.__name__: [
                value.replace(tzinfo=None).isoformat(),
                None if shift is None else _ATOMS[id(timedelta)](shift)["timedelta"],
            ]
        }
    if seen[2] and (kind is Fraction or kind is UUID):
        raise NotPlainError  # their hash is written in Python, where anybody may have changed it
    if kind is Fraction:
        # Whatever somebody put there.
        top, bottom = _numerator.__get__(value), _denominator.__get__(value)
        if type(top) is not int or type(bottom) is not int or bottom < 1:
            raise NotPlainError
        return {"Fraction": [_encode(top, depth, seen), _encode(bottom, depth, seen)]}
    if kind is UUID:
        number = _number.__get__(value)
        if type(number) is not int or not 0 <= number < 1 << 128:
            raise NotPlainError
        return {"UUID": hex(number)}
    base = base_of(kind)
    if id(base) in _PARTS:
        return _encode_parts(base, value, depth, seen)
    return _encode(_COPIES[id(base)](value), depth, seen)


def _weigh(size: int, seen: list[int]) -> None:
    seen[1] += size
    if seen[1] > MAX_SIZE:
        raise NotPlainError


def base_of(kind: type) -> type:
    """The built-in type as which an object of a class is seen.

    Raises:
        NotPlainError: it is none, or a class in between decides itself how its objects compare.
    """
    for ancestor in mro_of(kind):
        if id(ancestor) in _COPIES or id(ancestor) in _PARTS:
            return ancestor  # type: ignore[no-any-return]
        if has_any(ancestor, _DECISIONS):
            raise NotPlainError
    raise NotPlainError


def as_base(value: Any) -> Any:
    """An object of a subclass of a number, text or time as an object of that type.

    Others, whose parts would have to be copied, stay as they are.

    Raises:
        NotPlainError: as `base_of` says.
    """
    copy = _COPIES.get(id(base_of(type(value))))
    return value if copy is None else copy(value)


# Methods of the base itself, which no subclass can replace.
_COPIES: dict[int, Callable[[Any], Any]] = by_id({
    int: lambda value: int.__add__(value, 0),
    float: float.__pos__,
    complex: complex.__pos__,
    str: lambda value: str.__add__("", value),
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: bytearray.copy,
    Decimal: lambda value: Decimal(Decimal.__str__(value)),
    date: lambda value: date.fromordinal(date.toordinal(value)),
    timedelta: timedelta.__pos__,
})  # fmt: skip


def decode(data: Any) -> Any:
    """The value that `encode` made `data` of.

    Raises:
        NotPlainError: nothing that `encode` makes looks like that.
    """
    try:
        return _decode(data, 0)
    except NotPlainError:
        raise
    except Exception as error:
        raise NotPlainError(str(error)) from None


def _decode(data: Any, depth: int) -> Any:
    if depth > MAX_DEPTH + 2:
        raise NotPlainError
    if data is None or isinstance(data, bool | int | str):
        return data
    ((kind, value),) = data.items()
    if kind in ("list", "tuple", "set", "frozenset"):
        items = [_decode(item, depth + 1) for item in value]
        return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](items)
    if kind == "dict":
        return {_decode(key, depth + 1): _decode(item, depth + 1) for key, item in value}
    if kind == "Fraction":
        return _fraction(*(_decode(part, depth + 1) for part in value))
    return _READ[kind](value)


_READ: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": float.fromhex,
    "complex": lambda parts: complex(*map(float.fromhex, parts)),
    "str": lambda points: "".join(map(chr, points)),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda parts: range(*parts),
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "datetime": lambda parts: datetime.fromisoformat(parts[0]).replace(tzinfo=_zone(parts[1])),
    "time": lambda parts: time.fromisoformat(parts[0]).replace(tzinfo=_zone(parts[1])),
    "UUID": lambda text: _uuid(int(text, 16)),
}


def _fraction(top: int, bottom: int) -> Fraction:
    """One that is made without the methods of its class, which may be anybody's by now."""
    if bottom < 1:
        raise NotPlainError
    made: Fraction = object.__new__(Fraction)
    common = gcd(top, bottom)
    _numerator.__set__(made, top // common)
    _denominator.__set__(made, bottom // common)
    return made


def _uuid(number: int) -> UUID:
    if not 0 <= number < 1 << 128:
        raise NotPlainError
    made = object.__new__(UUID)
    _number.__set__(made, number)
    _safe.__set__(made, _unknown)
    return made


def _zone(shift: list[int] | None) -> tzinfo | None:
    return None if shift is None else timezone(timedelta(*shift))


def is_number(value: object) -> bool:
    """Whether `value` is exactly an int, float or bool, and finite."""
    kind = type(value)
    return (kind is int or kind is float or kind is bool) and isfinite(value)  # type: ignore[arg-type]
