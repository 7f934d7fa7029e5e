"""An event loop that does not wait: its clock jumps to the next timer.

So an hour is over at once, every run has the same times, so that a check compares them with `==`,
and a wait that nothing can end is seen. It is the discrete-event simulation of textbooks, with the
timers of asyncio's own loop as the list of events.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")

_TURNS = 5_000


class VirtualClock(selectors.DefaultSelector):
    """A selector that moves its clock on where it should wait."""

    def __init__(self) -> None:
        """A clock that shows 0 s."""
        super().__init__()
        self.now = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, after `timeout` seconds on this clock.

        Raises:
            AssertionError: Nothing is due, or this is the 5,000th turn of the loop.
        """
        if timeout is None:
            raise AssertionError(
                "everybody waits for ever: no timer of the loop runs, and in virtual time nothing "
                "else wakes it, no thread and no socket"
            )
        self._turns += 1
        if self._turns > _TURNS:
            self._turns = 0  # the loop still has to be closed
            raise AssertionError(f"the loop went round {_TURNS:,} times: something polls")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 s and jumps from timer to timer.

    It waits for timers only. Threads and sockets have no time of their own here: play what uses
    them on `asyncio.new_event_loop`.
    """

    def __init__(self) -> None:
        """A loop with a clock of its own."""
        self._virtual_clock = VirtualClock()
        super().__init__(self._virtual_clock)

    def time(self) -> float:
        """Seconds since the loop was made, as its timers count them."""
        return self._virtual_clock.now


def now() -> float:
    """The time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()


def play(
    main: Callable[[], Coroutine[Any, Any, Result]],
    make_loop: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop,
    patience: float = 8.0,
) -> Result:
    """Run a coroutine to its end on a new loop in a new thread, and return what it returns.

    The thread is needed because a notebook runs a loop itself, and two do not fit into one thread.

    Args:
        main: Called in that thread; makes the coroutine.
        make_loop: Makes the loop, `asyncio.new_event_loop` for one in real time.
        patience: Real seconds after which the thread is given up.

    Raises:
        AssertionError: Everybody waits for ever, something polls, or patience has run out.
        BaseException: Whatever the coroutine raises, as it is, with the coroutine's own frames.
    """
    results: list[Result] = []
    errors: list[BaseException] = []
    # The loop's frames, five of them, would stand between a learner and their own line.
    own_parts: list[tuple[BaseException, TracebackType | None]] = []

    async def told() -> Result:
        try:
            return await main()
        except BaseException as error:
            trace = error.__traceback__
            own_parts.append((error, trace and trace.tb_next))
            raise

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=make_loop) as runner:
                results.append(runner.run(told()))
        except BaseException as error:
            for raised, trace in own_parts:
                if raised is error:
                    error.__traceback__ = trace
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience)
    if errors:
        raise errors[0]
    if not results:
        raise AssertionError(
            f"after {patience:g} s it was not over: something blocks the loop, or waits for what "
            "never comes"
        )
    return results[0]
