"""What connects the runner's side with one run: messages, printed text, a sign of life."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import secrets
import select
import selectors
import socket
import termios
import time
from array import array
from collections.abc import Callable

from onsite.grading.ended import Ended, is_whole, read_ended
from onsite.grading.outputs import Outputs
from onsite.grading.referee.judge import believable
from onsite.grading.referee.line import KEY_BYTES, Line, NoiseError
from onsite.grading.wire import (
    Decoder,
    MalformedMessageError,
    Message,
    OversizeMessageError,
)

Answer = Callable[[Message], Message | None]

#: How long a run may take to accept the next cell, in seconds.
SEND_SECONDS = 10.0


class Channels:
    """What connects this side with one run, and what of it has arrived."""

    def __init__(self, message_bytes: int) -> None:
        near, far = socket.socketpair()
        out, far_out = os.pipe()
        err, far_err = os.pipe()
        life, far_life = os.pipe()
        self._control, far_control = socket.socketpair()
        # The run gets its end of the line by the other channel, as the first thing there, and
        # the key as the first thing on the line.
        socket.send_fds(near, [b"\0"], [far_control.fileno()])
        far_control.close()
        key = secrets.token_bytes(KEY_BYTES)
        self._control.sendall(key)
        self._line = Line(key, near=True)
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
        self._control.setblocking(False)
        for channel in (near, self._control):
            self._selector.register(channel, selectors.EVENT_READ)
        for descriptor in (out, err, life):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        self.alive = True
        #: Somebody in the run has read from the line or written to it.
        self.noise = False
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
        self._control.close()
        for descriptor in (*self._texts, self._life):
            os.close(descriptor)

    def send(self, message: Message) -> None:
        """Send; a run that does not take it is no longer `alive`."""
        try:
            self._control.settimeout(SEND_SECONDS)
            self._control.sendall(self._line.frame(message))
        except OSError:
            self.alive = False
        finally:
            self._control.setblocking(False)

    def listen(
        self, outputs: Outputs, count: int, seconds: float, answer: Answer
    ) -> Message | None:
        """Wait up to `seconds`, hand what arrives to `outputs`; the message that ends the cell.

        `answer` is given what the run asks, and returns what it is to be told, if anything.
        """
        self._take(b"", outputs, count)
        ready = {key.fileobj for key, _ in self._selector.select(max(0.0, seconds))}
        if self._life in ready and not self._hear_last_words():
            ready.discard(self._life)
        for pipe in self._pipes.keys() & ready:
            self._read_pipe(pipe, outputs)
        dying = self._life in ready
        done = None
        if self._control in ready or dying:
            done = self._read_control(answer)
        if self._messages in ready or done is not None or dying:
            self._read_messages(outputs, count, to_the_end=done is not None or dying)
        if done is not None or dying:
            for pipe in tuple(self._pipes):
                # As much as a pipe holds; a program in the background may go on writing.
                for _ in range(4):
                    if not self._read_pipe(pipe, outputs):
                        break
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
        while not (is_whole(self._last_words) or self._hear_last_words()):
            pass
        return read_ended(self._last_words)

    def _hear_last_words(self) -> bool:
        """Take what was written at the run's end; whether that is all."""
        try:
            words = os.read(self._life, 4096)
        except BlockingIOError:
            return False
        self._last_words += words
        return not words or is_whole(self._last_words)

    def _read_control(self, answer: Answer) -> Message | None:
        try:
            data = self._control.recv(1 << 18)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.alive = False
        done = None
        try:
            for message in self._line.feed(data):
                if message["say"] == "ended":
                    done = believable(message)
                elif (told := answer(message)) is not None:
                    self.send(told)
        except NoiseError:
            self.alive, self.noise = False, True
        return done

    def _read_messages(self, outputs: Outputs, count: int, *, to_the_end: bool) -> None:
        # What came before the end of the cell is here by now. Who goes on sending is not waited
        # for: that may be faster than it can be read, for ever.
        left = unread(self._messages) if to_the_end else 1
        while True:
            try:
                data = self._messages.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                # A cell may have closed it: what it shows from now on is lost.
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._messages)
                return
            self._take(data, outputs, count)
            left -= len(data)
            if left <= 0 or outputs.full:
                return

    def _take(self, data: bytes, outputs: Outputs, count: int) -> None:
        while True:
            try:
                for message in self._decoder.feed(data):
                    outputs.add(message, count)
            except OversizeMessageError:
                outputs.full = True
                data = b""
                continue
            except MalformedMessageError:
                self.alive = False
            return

    def _read_pipe(self, pipe: int, outputs: Outputs) -> bool:
        """Take what there is in a pipe; whether there may be more."""
        try:
            data = os.read(pipe, 1 << 16)
        except BlockingIOError:
            return False
        outputs.add_text(self._pipes[pipe], self._texts[pipe].decode(data))
        if not data:
            self._selector.unregister(pipe)
            del self._pipes[pipe]
        return bool(data)


def unread(channel: socket.socket) -> int:
    """How many bytes have arrived that nobody has read."""
    count = array("i", [0])
    fcntl.ioctl(channel, termios.FIONREAD, count)
    return count[0]
