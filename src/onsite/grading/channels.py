"""What connects the runner's side with one run: messages, printed text, a sign of life."""

from __future__ import annotations

import codecs
import os
import select
import selectors
import socket
import time

from onsite.grading.ended import Ended, read_ended
from onsite.grading.outputs import Outputs
from onsite.grading.wire import (
    Decoder,
    MalformedMessageError,
    Message,
    OversizeMessageError,
    encode,
)

#: How long a run may take to accept the next cell, in seconds.
SEND_SECONDS = 10.0


class Channels:
    """What connects this side with one run, and what of it has arrived."""

    def __init__(self, message_bytes: int) -> None:
        near, far = socket.socketpair()
        out, far_out = os.pipe()
        err, far_err = os.pipe()
        life, far_life = os.pipe()
        self.far = [far.detach(), far_out, far_err, far_life]
        self._messages = near
        self._life = life
        self._pipes = {out: "stdout", err: "stderr"}
        self._texts = {
            pipe: codecs.getincrementaldecoder("utf-8")("replace") for pipe in self._pipes
        }
        self._decoder = Decoder(message_bytes)
        self._selector = selectors.DefaultSelector()
        near.setblocking(False)
        self._selector.register(near, selectors.EVENT_READ)
        for descriptor in (out, err, life):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        self.alive = True
        self._last_words = b""

    def close_far(self) -> None:
        """Let go of the run's ends, which it has by now."""
        for descriptor in self.far:
            os.close(descriptor)
        self.far = []

    def close(self) -> None:
        """Let go of everything."""
        self.close_far()
        self._selector.close()
        self._messages.close()
        for descriptor in (*self._texts, self._life):
            os.close(descriptor)

    def send(self, message: Message) -> None:
        """Send; a run that does not take it is no longer `alive`."""
        try:
            self._messages.settimeout(SEND_SECONDS)
            self._messages.sendall(encode(message))
        except OSError:
            self.alive = False
        finally:
            self._messages.setblocking(False)

    def listen(self, outputs: Outputs, count: int, seconds: float) -> Message | None:
        """Wait up to `seconds`, hand what arrives to `outputs`; the message that ends the cell."""
        if (done := self._take(b"", outputs, count)) is not None:
            return done
        ready = {key.fileobj for key, _ in self._selector.select(max(0.0, seconds))}
        if self._life in ready and not self._hear_last_words():
            ready.discard(self._life)
        for pipe in self._pipes.keys() & ready:
            self._read_pipe(pipe, outputs)
        dying = self._life in ready
        if self._messages in ready or dying:
            done = self._read_messages(outputs, count, to_the_end=dying)
        if done is not None or dying:
            for pipe in tuple(self._pipes):
                # As much as a pipe holds; a program in the background may go on writing.
                for _ in range(4):
                    self._read_pipe(pipe, outputs)
        if dying:
            self.alive = False
        return done

    def await_end(self, seconds: float) -> None:
        """Wait until the run has ended by itself, but not longer."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._life], [], [], left)[0] and self._hear_last_words():
                return

    def ended(self) -> Ended | None:
        """What was said of the run's end, which has come; None when nobody could say it."""
        os.set_blocking(self._life, True)
        while not self._hear_last_words():
            pass
        return read_ended(self._last_words)

    def _hear_last_words(self) -> bool:
        """Take what was written at the run's end; whether that is all."""
        try:
            words = os.read(self._life, 4096)
        except BlockingIOError:
            return False
        self._last_words += words
        return not words

    def _read_messages(self, outputs: Outputs, count: int, *, to_the_end: bool) -> Message | None:
        while True:
            try:
                data = self._messages.recv(1 << 18)
            except BlockingIOError:
                return None
            except OSError:
                data = b""
            if not data:
                self.alive = False
                return None
            if (done := self._take(data, outputs, count)) is not None or not to_the_end:
                return done

    def _take(self, data: bytes, outputs: Outputs, count: int) -> Message | None:
        while True:
            try:
                for message in self._decoder.feed(data):
                    if message.get("type") == "done":
                        return message
                    outputs.add(message, count)
            except OversizeMessageError:
                outputs.full = True
                data = b""
                continue
            except MalformedMessageError:
                self.alive = False
            return None

    def _read_pipe(self, pipe: int, outputs: Outputs) -> None:
        if pipe not in self._pipes:
            return
        try:
            data = os.read(pipe, 1 << 16)
        except BlockingIOError:
            return
        outputs.add_text(self._pipes[pipe], self._texts[pipe].decode(data))
        if not data:
            self._selector.unregister(pipe)
            del self._pipes[pipe]
