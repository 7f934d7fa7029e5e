"""Messages between the grading process and a run: a length, then JSON.

The far end runs a stranger's code, so nothing is unpickled, no length is believed, and whatever
does not parse is one exception.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")
#: A length above this is noise, not a message that is merely too long, in bytes.
_BELIEVABLE = 1 << 28


class MalformedMessageError(Exception):
    """The far end sent something that is no message."""


class OversizeMessageError(Exception):
    """The far end announced a message above the size that this end accepts."""


def encode(message: Message) -> bytes:
    """The bytes of one message; a value that JSON does not know is sent as its repr."""
    body = json.dumps(message, default=repr).encode()
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message in `body`, with what is no finite number and lone surrogates made harmless.

    Raises:
        MalformedMessageError: it is not a JSON object.
    """
    try:
        message = json.loads(body, parse_constant=lambda name: None, parse_float=_finite)
        if b"\\ud" in body:
            message = _without_surrogates(message)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(str(error)) from None
    if not isinstance(message, dict):
        raise MalformedMessageError("a message is a JSON object")
    return message


def receive(channel: socket.socket) -> Message | None:
    """Wait for one message from a trusted sender; None when the channel is closed."""
    head = _receive_exactly(channel, _LENGTH.size)
    if head is None:
        return None
    body = _receive_exactly(channel, _LENGTH.unpack(head)[0])
    return None if body is None else decode(body)


def _receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


class Decoder:
    """Turns what arrives, in pieces of any size, into messages of at most `limit` bytes each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes.

        Raises:
            MalformedMessageError: the stream cannot be trusted any more.
            OversizeMessageError: one message was too long. It is skipped, so feeding may go on;
                call again with b"" for the messages behind it.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + size
            if size > _BELIEVABLE:
                raise MalformedMessageError(f"a message of {size} bytes")
            if size > self._limit:
                self._skip = max(0, end - len(self._buffer))
                del self._buffer[:end]
                raise OversizeMessageError
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield decode(body)


def _finite(digits: str) -> float | None:
    """The number; None for one such as 1e999, which would be written as a word that is no JSON."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
