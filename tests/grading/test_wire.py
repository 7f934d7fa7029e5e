from __future__ import annotations

import pytest

from onsite.grading.wire import (
    Decoder,
    MalformedMessageError,
    OversizeMessageError,
    decode,
    encode,
)


def test_messages_in_pieces_of_any_size() -> None:
    messages = [{"n": n, "text": "é" * n} for n in range(20)]
    data = b"".join(map(encode, messages))
    for size in (1, 3, 7, 1000):
        decoder = Decoder(1000)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert [m for piece in pieces for m in decoder.feed(piece)] == messages


def test_a_long_message_is_skipped() -> None:
    data = encode({"n": 1}) + encode({"long": "x" * 5000}) + encode({"n": 2})
    for size in (1, 100, len(data)):
        decoder = Decoder(100)
        got, skipped = [], 0
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            while True:
                try:
                    for message in decoder.feed(piece):
                        got.append(message)  # noqa: PERF402 - list() loses what came before
                    break
                except OversizeMessageError:
                    skipped += 1
                    piece = b""
        assert (got, skipped) == ([{"n": 1}, {"n": 2}], 1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000])
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(body)


def test_an_unbelievable_length() -> None:
    with pytest.raises(MalformedMessageError):
        list(Decoder(100).feed(b"\xff\xff\xff\xff"))


def test_what_json_does_not_know() -> None:
    sent = encode({"n": float("nan"), "s": "\ud800", "o": object})[4:]
    got = decode(sent)
    assert got["n"] is None
    assert got["s"] == "?"
    assert "object" in got["o"]
    assert decode(b'{"n": [1e999, -1e999, 1e9]}') == {"n": [None, None, 1e9]}
