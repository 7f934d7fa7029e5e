from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import json
import math
import uuid
from collections import Counter, OrderedDict, defaultdict, namedtuple
from typing import Any

import pytest

from onsite.grading.referee.plain import MAX_DEPTH, NotPlainError, decode, encode, is_number

ZONE = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
VALUES: list[Any] = [
    None, True, False, 0, -1, 1 << 53, -(1 << 53), 1 << 4000, 0.0, -0.0, 0.1, math.inf, -math.inf,
    1e-320, 1 + 2j, complex(-0.0, math.inf), "", "text", "naïve", "\0\n", "\ud800", b"", b"\xff\0",
    bytearray(b"ab"), [], [1, [2, [3]]], (), (1,), ((), []), {}, {"a": 1, 2: (3,), None: [4]},
    {(1, "x"): b"y"}, set(), {1, 2.5, "x"}, frozenset({b"a"}), range(0, 10, 3), range(5, -5, -2),
    decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("-0E+7"),
    fractions.Fraction(-7, 3), datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4),
    datetime.time(1, tzinfo=ZONE), datetime.datetime(2026, 11, 21, 1, 2, 3, 4),
    datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC), datetime.timedelta(-1, 5, 7),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    {"str": "abc"}, {"int": 5}, [{"float": "0x0p+0"}],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_comes_back_is_what_was_sent(value: Any) -> None:
    data = json.loads(json.dumps(encode(value)))
    back = decode(data)
    assert type(back) is type(value)
    assert back == value if type(value) is int else repr(back) == repr(value) or back == value
    assert json.loads(json.dumps(encode(back))) == data or isinstance(value, set)


def test_nan_comes_back_and_is_still_unequal() -> None:
    back = decode(encode([math.nan]))
    assert math.isnan(back[0])


class Name(str):
    pass


class Colour(enum.IntEnum):
    RED = 5


Point = namedtuple("Point", "x y")


class Text(enum.StrEnum):
    A = "a"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Name("n"), "n"),
        (Colour.RED, 5),
        (Text.A, "a"),
        (Point(1, Name("n")), (1, "n")),
        (type("F", (float,), {})(2.5), 2.5),
        (type("L", (list,), {"__iter__": lambda self: iter([9])})([1]), [1]),
        (type("D", (dict,), {"items": lambda self: [("x", 9)]})({"a": 1}), {"a": 1}),
        (type("B", (bytes,), {"__len__": lambda self: 9})(b"x"), b"x"),
        (type("S", (set,), {})({1}), {1}),
        (type("I", (int,), {"__repr__": lambda self: "9", "__index__": lambda self: 9})(4), 4),
        (type("S", (str,), {"__str__": lambda self: "9"})("4"), "4"),
        (type("C", (complex,), {})(1j), 1j),
        (defaultdict(list, a=[1]), {"a": [1]}),
    ],
)
def test_a_subclass_without_comparisons_is_seen_as_its_base(value: Any, plain: Any) -> None:
    back = decode(encode(value))
    assert back == plain
    assert type(back) is type(plain)


@pytest.mark.parametrize("name", ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_a_subclass_with_a_comparison_is_not_plain(name: str) -> None:
    kind = type("Liar", (int,), {name: lambda self, other: True, "__hash__": int.__hash__})
    with pytest.raises(NotPlainError):
        encode([kind(1)])


@pytest.mark.parametrize(
    "value",
    [
        object(), int, len, Counter("a"), OrderedDict(a=1), iter([]), lambda: 1, Exception("x"),
        datetime.datetime(2026, 1, 1, tzinfo=type("Z", (datetime.tzinfo,), {})()), ...,
        "x" * (1 << 21), 1 << (1 << 23), list(range(30_000)), memoryview(b""),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_not_plain(value: Any) -> None:
    with pytest.raises(NotPlainError):
        encode(value)


def test_what_holds_itself_is_not_plain() -> None:
    inside: list[Any] = []
    inside.append(inside)
    with pytest.raises(NotPlainError):
        encode(inside)


@pytest.mark.parametrize(
    "data",
    [
        {"int": "x"}, {"nothing": 1}, {"a": 1, "b": 2}, {}, [1], 1.5, {"set": [{"list": []}]},
        {"date": 5}, {"UUID": "0x" + "f" * 40}, {"Fraction": [1, 0]}, {"dict": [[1]]},
        {"dict": [[{"list": []}, 1]]}, {"datetime": ["2026-01-01", [1]]}, {"str": "zz"},
    ],
    ids=repr,
)  # fmt: skip
def test_nonsense_is_no_value(data: Any) -> None:
    with pytest.raises(NotPlainError):
        decode(data)


def test_nonsense_that_is_nested_too_deeply() -> None:
    data: Any = 1
    for _ in range(MAX_DEPTH * 2):
        data = {"list": [data]}
    with pytest.raises(NotPlainError):
        decode(data)


def test_numbers() -> None:
    assert is_number(1)
    assert is_number(0.5)
    assert is_number(False)
    assert not is_number(math.nan)
    assert not is_number("1")
    assert not is_number(Colour.RED)
