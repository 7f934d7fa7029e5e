"""What a run puts out is bounded, by whatever way it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onsite.grading.outputs import LONGEST_LINE, LONGEST_TEXT, MAX_DEPTH, MOST_LINES, Outputs
from onsite.grading.wire import Message

LIMIT = 100_000


def size_of(*messages: Message) -> int:
    """The bytes of the outputs that these come to."""
    outputs = Outputs(LIMIT, {})
    for message in messages:
        outputs.add(message, 1)
    return len(json.dumps(outputs.finished()))


def display(data: Any, **more: Any) -> Message:
    return {"type": "display_data", "data": data, "metadata": {}, "display_id": None, **more}


@pytest.mark.parametrize(
    "messages",
    [
        [display({}, metadata={"a": "x" * 10_000})] * 100,
        [display({})] * 100_000,
        [{"type": "stream", "name": name, "text": "x"} for name in ("stdout", "stderr")] * 50_000,
        [
            *[display({}, display_id="x")] * 100,
            display({"text/plain": "x" * 10_000}, type="update_display_data", display_id="x"),
        ],
    ],
    ids=["metadata", "empty", "alternating", "update of many"],
)
def test_what_is_put_out_is_bounded(messages: list[Message]) -> None:
    assert size_of(*messages) < 2 * LIMIT


def test_errors_are_bounded_but_the_first_one_is_kept() -> None:
    text = "x" * 2_000_000
    error = {"type": "error", "ename": text, "evalue": text, "traceback": [text] * 1_000}
    one = LONGEST_LINE + LONGEST_TEXT + MOST_LINES * LONGEST_LINE
    flood = {"type": "stream", "name": "stdout", "text": text}
    assert one < size_of(flood, *[error] * 100) < 1.1 * one


def test_what_is_nested_too_deeply_is_left_out() -> None:
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert size_of(display({"application/json": deep})) == len("[]")
    assert size_of(display({"text/plain": deep})) == len("[]")
    assert size_of(display({}, metadata={"deep": deep})) == len("[]")
    assert size_of(display({"application/json": [[["x"]]]})) > len("[]")
