"""What an honest object is not equal to.

Objects of libraries may equal everything, as `unittest.mock.ANY` does, or hand a comparison on to
an object of the student's, as proxies do. So one that equals plain data is asked about other plain
data too, which differs in one place. It cannot tell which of them a check asked about: not by how
a value looks, since there are some that look alike, and not by what the others have in common,
since there are as many that differ in one place from each of these. Nor can one that is asked about
an instructor's object, since that is imitated, with other attributes.

Loaded apart (see apart.py); runs no code of the objects it looks at.
"""

from __future__ import annotations

from _random import Random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from os import urandom
from typing import Any

from onsite.grading.referee.kinds import by_id, ids
from onsite.grading.referee.plain import MAX_DEPTH

#: How many places of a large value are changed, each by itself.
MOST = 48
#: Of a small one some are changed more than once, so that few answers are right by chance.
LEAST = 4
#: How many values there are that look alike, how many of one with more places than `MOST`, and with
#: how many places there are none, since to make them takes long.
DECOYS, LARGE_DECOYS, VERY_LARGE = 12, 3, 2_000
#: How many places of what is no plain data are changed, how many there may be, and how deep down.
MOST_ODD, ODD_PLACES, ODD_DEPTH = 8, 5_000, 20

_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_KEYS = ids((str, int, bytes, bool, float, type(None)))
_chance: Any = Random(int.from_bytes(urandom(8), "big"))
#: The indices and keys that lead to a part of a value.
_Place = tuple[Any, ...]


def far_from(value: Any) -> Any:
    """Something else, far off, of the same type where there is an obvious one."""
    noise = urandom(6).hex()
    kind = type(value)
    if kind is bool:
        return not value
    if kind is int or kind is float:
        # far away, for what is equal within a tolerance; nan is not above 0 and becomes a number
        far = int(10_000 * (1 + _chance.random()))
        return kind(far + 3 * abs(value)) if abs(value) < 1e200 else kind(-far)
    if kind is str:
        return value + noise
    if kind is list or kind is tuple:
        return kind((*value, noise))
    if kind is set or kind is frozenset:  # without what may be the student's, and has a hash
        return kind((*(each for each in value if id(type(each)) in _KEYS), noise))
    if kind is dict:
        return {noise: noise}
    return noise


def doubts(value: Any) -> list[Any]:
    """Values that differ from plain data in one place; of a large one in some places.

    Args:
        value: of built-in types only, as `plain.encode` takes it.
    """
    places = [*_places(value, _parts, MAX_DEPTH)]
    like = partial(_like, pools={})
    size = len(places)
    count = DECOYS if size <= MOST else LARGE_DECOYS if size <= VERY_LARGE else 0
    decoys = [_changed_throughout(value, like) for _ in range(count)]
    if size == 1:  # to change a decoy there might make it what was asked about
        if _is_bool(value, places[0]):
            return decoys
        among = [value, *decoys]
        return [
            *(_changed(_one_of(among), places[0], far_from) for _ in range(LEAST)),
            *decoys,
        ]
    found = [
        _changed(each, place, other)
        for each in (value, *decoys)
        for other in (far_from, like)
        for place in _some(places, MOST)
    ]
    return [*found, *decoys]


def odd_doubts(value: Any, imitate: Callable[[Any], Any]) -> list[Any]:
    """Values that differ in one place from a value that is no plain data.

    Args:
        value: anything.
        imitate: makes of an object one of its class that equals no other; None if it cannot.
    """
    places = [*islice(_places(value, _odd_parts, ODD_DEPTH), ODD_PLACES)]
    return [
        _changed(value, place, lambda part: _odd_other(part, imitate))
        for place in _some(places, MOST_ODD)
    ]


def hidden(one: Any, among: list[Any]) -> list[Any]:
    """All of them in any order: an object that counts cannot tell which of them is `one`."""
    every = [one, *among]
    for last in range(len(every) - 1, 0, -1):
        other = int(_chance.random() * (last + 1))
        every[last], every[other] = every[other], every[last]
    return every


def _places(
    value: Any, parts_of: Callable[[Any], Iterable[tuple[Any, Any]] | None], depth: int
) -> Iterator[_Place]:
    """The ways from a value to each of its innermost parts, of `depth` steps at the most.

    What `parts_of` has no parts of is innermost as well.
    """
    parts = parts_of(value) if depth > 0 else None
    if parts is None:
        yield ()
        return
    for step, part in parts:
        for place in _places(part, parts_of, depth - 1):
            yield (step, *place)


def _parts(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """What is in a list, tuple or dict, by index or key; None if there is nothing."""
    kind = type(value)
    if kind is list or kind is tuple:
        return enumerate(value) if value else None
    return value.items() if kind is dict and value else None


def _odd_parts(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """The same, but nothing of a dict with keys that may be the student's, to look them up."""
    if type(value) is dict and not all(id(type(key)) in _KEYS for key in value):
        return None
    return _parts(value)


def _some(places: list[_Place], most: int) -> list[_Place]:
    """Places taken by chance, if there are more than `most`."""
    if len(places) <= most:
        return places
    return [_one_of(places) for _ in range(most)]


def _changed(value: Any, place: _Place, other: Callable[[Any], Any]) -> Any:
    if not place:
        return other(value)
    first, *rest = place
    if type(value) is dict:
        return {**value, first: _changed(value[first], tuple(rest), other)}
    made = [*value]
    made[first] = _changed(made[first], tuple(rest), other)
    return made if type(value) is list else tuple(made)


def _is_bool(value: Any, place: _Place) -> bool:
    """Whether there is True or False at a place, to which there is one alternative."""
    for step in place:
        value = value[step]
    return type(value) is bool


def _changed_throughout(value: Any, other: Callable[[Any], Any]) -> Any:
    """Plain data with something else at each of its innermost places."""
    kind = type(value)
    if kind is dict and value:
        return {key: _changed_throughout(part, other) for key, part in value.items()}
    if (kind is list or kind is tuple) and value:
        return kind([_changed_throughout(part, other) for part in value])
    return other(value)


def _like(value: Any, pools: dict[Any, list[Any]]) -> Any:
    """Something else that looks alike, and is not equal within a usual tolerance either.

    Args:
        value: plain data.
        pools: for values, those that they are one of. None of these is in the middle of the others.
    """
    kind = type(value)
    if kind is Decimal and not value.is_finite():
        return far_from(value)
    if kind is bool or (make := _POOLS.get(id(kind))) is None:
        return far_from(value)
    if (kind, value) not in pools:
        try:
            pool = make(value)
        except (ArithmeticError, ValueError):
            pool = []  # nothing of that type is like it
        for each in (value, *pool):
            pools.setdefault((kind, each), pool)
    others = [each for each in pools[kind, value] if each != value]
    return _one_of(others) if others else far_from(value)


def _numbers_like(value: Any) -> list[Any]:
    kind, size = type(value), abs(value)
    if not size < 1e30:
        return []
    below = int(_chance.random() * (DECOYS + 1))
    steps = range(-below, DECOYS + 1 - below)
    if size < 4:
        below = 0 if value < 0 else min(below, int(size // 2))
        return [value + 2 * step for step in range(-below, DECOYS + 1 - below)]
    if kind is int:
        text = str(size)
        places = len(text.rstrip("0")) - len(text)
    else:
        digits = repr(size).partition(".")[2]
        places = len(digits) if digits.isdigit() else 3
    made = [size * 1.6**step for step in steps if step]
    made = [size, *(kind(round(each, places)) for each in made)]
    return [each if value > 0 else -each for each in made if each == size or each not in made[:1]]


def _texts_like(text: str) -> list[str]:
    """Texts with other letters and digits at a few places, of which this is any one."""
    places = [at for at, each in enumerate(text) if each.isascii() and each.isalnum()]
    if not places:
        return [text, *(text + _one_of(_LETTERS) * (1 + each % 3) for each in range(DECOYS))]
    options = {}
    for at in {_one_of(places) for _ in range(4)}:
        (among,) = (each for each in (_DIGITS, _LETTERS, _LETTERS.upper()) if text[at] in each)
        options[at] = [text[at], *(_one_of(among) for _ in range(3))]
    made = {text}
    for _ in range(2 * DECOYS):
        other = [*text]
        for at, choice in options.items():
            other[at] = _one_of(choice)
        made.add("".join(other))
    return [*made]


def _moments_like(value: Any) -> list[Any]:
    below = int(_chance.random() * DECOYS)
    return [value + timedelta(17 * step) for step in range(-below, DECOYS - below)]


_POOLS: dict[int, Callable[[Any], list[Any]]] = by_id({
    int: _numbers_like,
    float: _numbers_like,
    str: _texts_like,
    bytes: lambda value: [e.encode("latin-1") for e in _texts_like(value.decode("latin-1"))],
    Decimal: lambda value: [Decimal(each) for each in _texts_like(str(value))],
    date: _moments_like,
    datetime: _moments_like,
    timedelta: _moments_like,
})  # fmt: skip


def _one_of(values: Any) -> Any:
    return values[int(_chance.random() * len(values))]


def _odd_other(value: Any, imitate: Callable[[Any], Any]) -> Any:
    made = imitate(value)
    return far_from(value) if made is None else made
