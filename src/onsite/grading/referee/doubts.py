"""What an honest object is not equal to.

Objects of libraries may equal everything, as `unittest.mock.ANY` does, or hand a comparison on to
an object of the student's, as proxies do. So one that equals plain data is asked about other plain
data too, which differs in one place. It cannot tell which of them a check asked about.

Loaded apart (see apart.py); runs no code of the objects it looks at.
"""

from __future__ import annotations

from _random import Random
from collections.abc import Iterator
from os import urandom
from typing import Any

#: How many places of a large value are changed, each by itself.
MOST = 48
#: Of a small one some are changed more than once, so that few answers are right by chance.
LEAST = 4

_chance: Any = Random(int.from_bytes(urandom(8), "big"))


def doubts(value: Any) -> list[Any]:
    """Values that differ from plain data in one place; of a large one in some places.

    Args:
        value: of built-in types only, as `plain.encode` takes it.
    """
    places = list(_places(value))
    while len(places) < LEAST:
        places += places
    if len(places) > MOST:
        places = [places[int(_chance.random() * len(places))] for _ in range(MOST)]
    return [_changed(value, place) for place in places]


def hidden(one: Any, among: list[Any]) -> list[Any]:
    """`one` at any place among others: an object that counts cannot tell which of them it is."""
    place = int(_chance.random() * (len(among) + 1))
    return [*among[:place], one, *among[place:]]


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    """The ways from a value to each of its innermost parts."""
    kind = type(value)
    if kind in (list, tuple) and value:
        for index, part in enumerate(value):
            for place in _places(part):
                yield (index, *place)
    elif kind is dict and value:
        for key, part in value.items():
            for place in _places(part):
                yield (key, *place)
    else:
        yield ()


def _changed(value: Any, place: tuple[Any, ...]) -> Any:
    if not place:
        return _other(value)
    first, *rest = place
    if type(value) is dict:
        return {**value, first: _changed(value[first], tuple(rest))}
    made = [*value]
    made[first] = _changed(made[first], tuple(rest))
    return made if type(value) is list else tuple(made)


def _other(value: Any) -> Any:
    """Something else, of the same type where there is an obvious one."""
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
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return kind((*value, noise))
    if kind is dict:
        return {noise: noise}
    return noise
