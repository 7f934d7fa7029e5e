from __future__ import annotations

import pytest

from onsite.grading.referee.line import KEY_BYTES, Line, NoiseError

KEY = bytes(range(KEY_BYTES))
MESSAGES = [{"say": "a"}, {"do": "text", "long": "x" * 5_000, "n": [1, None, True, "é\ud800"]}, {}]


def pair() -> tuple[Line, Line]:
    return Line(KEY, near=True), Line(KEY, near=False)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_messages_come_through_in_pieces_of_any_size(piece: int) -> None:
    near, far = pair()
    for sender, receiver in ((near, far), (far, near)):
        data = b"".join(map(sender.frame, MESSAGES))
        got = []
        for start in range(0, len(data), piece):
            got += receiver.feed(data[start : start + piece])
        assert got == MESSAGES


def test_it_says_how_much_is_missing() -> None:
    near, far = pair()
    data = near.frame({"say": "something"})
    taken = 0
    while True:
        more = far.missing()
        assert more > 0
        got = list(far.feed(data[taken : taken + more]))
        taken += more
        if got:
            break
    assert taken == len(data)


def test_nothing_of_a_message_can_be_read_on_the_way() -> None:
    near, _ = pair()
    hidden = "assert got == 42"
    frames = [near.frame({"code": hidden}) for _ in range(2)]
    assert all(hidden.encode() not in frame for frame in frames)
    assert frames[0][4:] != frames[1][4:]


@pytest.mark.parametrize("place", [4, 19, 20, 30])
def test_a_changed_byte_is_noise(place: int) -> None:
    near, far = pair()
    frame = bytearray(near.frame({"say": "something long enough"}))
    frame[place] ^= 1
    with pytest.raises(NoiseError):
        list(far.feed(bytes(frame)))


def test_frames_that_are_repeated_left_out_or_sent_back_are_noise() -> None:
    near, far = pair()
    first, second = near.frame({"n": 1}), near.frame({"n": 2})
    assert list(far.feed(first)) == [{"n": 1}]
    with pytest.raises(NoiseError):
        list(far.feed(first))
    with pytest.raises(NoiseError):
        list(pair()[1].feed(second))
    with pytest.raises(NoiseError):
        list(pair()[0].feed(first))


def test_another_key_is_noise() -> None:
    other = Line(bytes(KEY_BYTES), near=False)
    with pytest.raises(NoiseError):
        list(other.feed(pair()[0].frame({"n": 1})))


def test_an_absurd_length_is_noise() -> None:
    with pytest.raises(NoiseError):
        list(pair()[0].feed(b"\xff" * 100))
