"""What an object that says what it likes is asked about besides."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any

import pytest

from onsite.grading.referee.doubts import doubts, hidden

VALUES: list[Any] = [
    *(0, 1, 2, 3, 9, -3, 100, 450_000, 10**40, True, None),
    *(0.0, 0.25, 2.25, -7.5, 1e-9, 1e22, float("inf")),
    *("Oban 3", "a", "", "---", "Zürich", b"ab", b"", Decimal("1.10"), Decimal("-Infinity")),
    *(date(2024, 1, 2), date.max, datetime.min, timedelta(0)),
    *([], {}, set(), (), [5], ["a"], [True, False], [True], {1, 2}, {"a": {"b": [1]}}),
    [1, ("a", 2.5), {"x": "y"}],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_none_of_them_equals_what_was_asked_about(value: Any) -> None:
    for _ in range(100):
        made = doubts(value)
        assert len(made) >= 12
        assert value not in made


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 9, -9, 100, 0.1, 0.5, 3.999, -7.5])
def test_none_of_them_is_equal_within_a_tolerance(number: float) -> None:
    for _ in range(200):
        assert all(abs(each - number) > 0.3 * max(1, abs(number)) for each in doubts(number))


@pytest.mark.parametrize("value", [9, 2.25, "Oban 3", [1, 2, 3], ["Oban", "Leith"]], ids=repr)
def test_what_was_asked_about_is_not_in_the_middle_of_them(value: Any) -> None:
    """Who takes what is likest to all that was seen so far is right by chance only."""

    def is_right(seen: list[str], each: Any) -> bool:
        seen.append(repr(each))
        if len(seen) < 4:
            return False
        like = [
            sum(SequenceMatcher(None, one, other).ratio() for other in seen[-12:])
            for one in seen[-12:]
        ]
        return like[-1] == max(like)

    right = 0
    for _ in range(20):
        seen: list[str] = []
        right += all(is_right(seen, e) == (e == value) for e in hidden(value, doubts(value)))
    assert right < 7
