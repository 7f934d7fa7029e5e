"""The line between a run and its referee: what goes over it can be neither read nor forged.

Both ends know a key that the runner draws for each run and that the run holds where the code under
test does not get at it. A frame is a length, a code that authenticates the frame and its number,
and a text enciphered with a keystream of that number: shake_256 and keyed BLAKE2b of the standard
library. Whoever else reads or writes the descriptor gets noise, or makes some.
"""

from __future__ import annotations

# Names of C functions: what is written in Python can be changed under the run's end.
from _json import encode_basestring_ascii, make_encoder, make_scanner
from _operator import _compare_digest
from collections.abc import Callable, Iterator
from hashlib import blake2b, shake_256
from types import SimpleNamespace
from typing import Any

KEY_BYTES = 32
_LENGTH_BYTES = 4
_MAC_BYTES = 16
#: A frame above this is noise, in bytes.
_BELIEVABLE = 1 << 26

Message = dict[str, Any]


class NoiseError(Exception):
    """Somebody else has read from the line, or written to it."""


def _dump(message: Message) -> bytes:
    return "".join(_encoder(message, 0)).encode()


def _load(text: bytes) -> Message:
    message: Message
    message, _ = _scanner(text.decode(), 0)
    return message


_make_encoder: Any = make_encoder
_make_scanner: Any = make_scanner
_encoder = _make_encoder(None, None, encode_basestring_ascii, None, ":", ",", False, False, True)
_scanner = _make_scanner(
    SimpleNamespace(
        strict=True,
        object_hook=None,
        object_pairs_hook=None,
        parse_float=float,
        parse_int=int,
        parse_constant=float,
    )
)


class _Cipher:
    """One direction."""

    def __init__(self, key: bytes, direction: bytes) -> None:
        self._key = blake2b(direction, key=key, digest_size=32).digest()
        self._number = 0

    def forget(self) -> None:
        """Have no key any more."""
        self._key = bytes(KEY_BYTES)

    def turn(self) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
        """Of the next frame: what enciphers and deciphers it, and what authenticates it."""
        number = self._number.to_bytes(8, "big")
        self._number += 1

        def encipher(text: bytes) -> bytes:
            stream = shake_256(self._key + number).digest(len(text))
            mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
            return mixed.to_bytes(len(text), "big")

        def sign(text: bytes) -> bytes:
            return blake2b(number + text, key=self._key, digest_size=_MAC_BYTES).digest()

        return encipher, sign


class Line:
    """One end, as bytes; `near` is the runner's. How they travel is not its concern."""

    def __init__(self, key: bytes, *, near: bool) -> None:
        out, into = (b"in", b"out") if near else (b"out", b"in")
        self._out, self._in = _Cipher(key, out), _Cipher(key, into)
        self._buffer = bytearray()

    def frame(self, message: Message) -> bytes:
        """The bytes to send."""
        text = _dump(message)
        encipher, sign = self._out.turn()
        hidden = encipher(text)
        return len(hidden).to_bytes(_LENGTH_BYTES, "big") + sign(hidden) + hidden

    def forget(self) -> None:
        """Be worth nothing from now on, to whoever finds this."""
        self._out.forget()
        self._in.forget()

    def missing(self) -> int:
        """How many bytes at least complete the next message."""
        start = _LENGTH_BYTES + _MAC_BYTES
        if len(self._buffer) < start:
            return start - len(self._buffer)
        size = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
        return max(0, start + size - len(self._buffer))

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes.

        Raises:
            NoiseError: it is not what the other end sent.
        """
        self._buffer += data
        start = _LENGTH_BYTES + _MAC_BYTES
        while len(self._buffer) >= start:
            size = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if size > _BELIEVABLE:
                raise NoiseError
            if len(self._buffer) < start + size:
                return
            mac = bytes(self._buffer[_LENGTH_BYTES:start])
            hidden = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            encipher, sign = self._in.turn()
            if not _compare_digest(sign(hidden), mac):
                raise NoiseError
            yield _load(encipher(hidden))
