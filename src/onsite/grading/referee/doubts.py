"""What an honest object is not equal to.

Objects of libraries may equal everything, as `unittest.mock.ANY` does, or hand a comparison on to
an object of the student's, as proxies do. So one that equals plain data is asked about other plain
data too, which differs in one place. It cannot tell which of them a check asked about. Nor can one
that is asked about an instructor's object, since that is imitated, with other attributes.

Loaded apart (see apart.py); runs no code of the objects it looks at.
"""

from __future__ import annotations

from _random import Random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from os import urandom
from typing import Any

from onsite.grading.referee.kinds import ids
from onsite.grading.referee.plain import MAX_DEPTH

#: How many places of a large value are changed, each by itself.
MOST = 48
#: Of a small one some are changed more than once, so that few answers are right by chance.
LEAST = 4
#: How many places of what is no plain data are changed, how many there may be, and how deep down.
MOST_ODD, ODD_PLACES, ODD_DEPTH = 8, 5_000, 20

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
    while len(places) < LEAST:
        places += places
    return [_changed(value, place, far_from) for place in _some(places, MOST)]


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
    """`one` at any place among others: an object that counts cannot tell which of them it is."""
    place = int(_chance.random() * (len(among) + 1))
    return [*among[:place], one, *among[place:]]


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
    return [places[int(_chance.random() * len(places))] for _ in range(most)]


def _changed(value: Any, place: _Place, other: Callable[[Any], Any]) -> Any:
    if not place:
        return other(value)
    first, *rest = place
    if type(value) is dict:
        return {**value, first: _changed(value[first], tuple(rest), other)}
    made = [*value]
    made[first] = _changed(made[first], tuple(rest), other)
    return made if type(value) is list else tuple(made)


def _odd_other(value: Any, imitate: Callable[[Any], Any]) -> Any:
    made = imitate(value)
    return far_from(value) if made is None else made
