"""The runs that a warm process forks, of which one is made before it is wanted.

To fork a run and to fence it in takes longer than a short notebook does. Most runs are ordered like
the one before, so the next one is made while that goes on, as far as the wait for its first cell.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from onsite.grading.channels import Channels
from onsite.grading.errors import LostError

Order = Mapping[str, Any]
"""What the warm process is told of a run."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A run that waits for its first cell.

    `number` is what the warm process knows it by; `channels` are this side's, for whoever has it to
    close.
    """

    order: Order
    message_bytes: int
    number: int
    channels: Channels


class Forks:
    """Hands out forks, and has at most one in store; safe to use from several threads.

    Args:
        fork: has the warm process fork a run by an order, with the far ends of its channels; the
            run's number.
        end: has it kill what is left of the run of a number.
    """

    def __init__(self, fork: Callable[[Order, list[int]], int], end: Callable[[int], None]) -> None:
        self._fork = fork
        self._end = end
        self._lock = threading.Lock()
        self._ready: Fork | None = None
        self._closed = False

    def take(self, order: Order, message_bytes: int) -> Fork:
        """A run by that order, which takes messages of up to so many bytes.

        Raises:
            LostError: the warm process died.
        """
        with self._lock:
            ready, self._ready = self._ready, None
        if ready is not None:
            if (ready.order, ready.message_bytes) == (order, message_bytes):
                return ready
            self._drop(ready)
        return self._new(order, message_bytes)

    def prepare(self, order: Order, message_bytes: int) -> None:
        """Make a run for whoever asks for the same; what hinders it is theirs to see."""
        # OSError: this process has no descriptors left.
        with self._lock, contextlib.suppress(LostError, OSError):
            if self._ready is None and not self._closed:
                self._ready = self._new(order, message_bytes)

    def close(self) -> None:
        """Let go of the one in store, which ends with the warm process."""
        with self._lock:
            ready, self._ready, self._closed = self._ready, None, True
        if ready is not None:
            ready.channels.close()

    def _new(self, order: Order, message_bytes: int) -> Fork:
        channels = Channels(message_bytes)
        try:
            number = self._fork(order, channels.far)
        except BaseException:
            channels.close()
            raise
        channels.close_far()
        return Fork(order, message_bytes, number, channels)

    def _drop(self, fork: Fork) -> None:
        with contextlib.suppress(LostError):
            self._end(fork.number)
        fork.channels.close()
