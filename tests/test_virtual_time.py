"""The event loop whose clock jumps, and how coroutines are played on it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from onsite.virtual_time import VirtualLoop, now, play


def test_an_hour_is_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it really waited"))

    async def main() -> tuple[float, float]:
        begun = now()
        await asyncio.sleep(3_600)
        return begun, now()

    assert play(main) == (0, 3_600)


def test_a_day_and_more_is_reached() -> None:
    # asyncio never asks a selector to wait for longer than a day.
    async def main() -> float:
        await asyncio.sleep(3 * 86_400)
        return now()

    assert play(main) == 3 * 86_400


def test_timers_fire_in_their_order_at_their_times() -> None:
    async def main() -> list[tuple[str, float]]:
        log: list[tuple[str, float]] = []

        async def note(name: str, delay: float) -> None:
            await asyncio.sleep(delay)
            log.append((name, now()))

        await asyncio.gather(note("late", 5), note("early", 1.5), note("now", 0))
        return log

    assert play(main) == [("now", 0), ("early", 1.5), ("late", 5)]


def test_timeouts_follow_the_virtual_clock() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return now()

    assert play(main) == 30


def test_a_wait_that_nothing_can_end_is_refused() -> None:
    async def main() -> None:
        await asyncio.sleep(2)
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="everybody waits for ever"):
        play(main)


def test_polling_is_refused() -> None:
    turns = 0

    async def main() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="5,000 times: something polls"):
        play(main)
    assert turns >= 4_990


def test_a_refusal_cannot_be_swallowed_by_the_coroutine() -> None:
    async def main() -> str:
        try:
            await asyncio.Event().wait()
        except Exception:
            return "swallowed"
        return "woken"

    with pytest.raises(AssertionError, match="waits for ever"):
        play(main)


def test_what_is_cancelled_at_the_end_may_clean_up() -> None:
    ended = []

    async def main() -> None:
        async def other() -> None:
            try:
                await asyncio.sleep(99)
            finally:
                await asyncio.sleep(1)
                ended.append(now())

        background = asyncio.create_task(other())
        await asyncio.sleep(2)
        assert not background.done()

    play(main)
    assert ended == [3]


def test_errors_come_out_as_they_are() -> None:
    broken = KeyError("broken")

    async def main() -> None:
        raise broken

    with pytest.raises(KeyError) as caught:
        play(main)
    assert caught.value is broken


def test_cancellation_and_none_come_out_as_they_are() -> None:
    async def leave() -> None:
        raise asyncio.CancelledError

    async def nothing() -> None:
        pass

    with pytest.raises(asyncio.CancelledError):
        play(leave)
    assert play(nothing) is None


def test_a_running_loop_is_left_alone() -> None:
    async def inner() -> tuple[float, int]:
        await asyncio.sleep(7)
        return now(), threading.get_ident()

    async def outer() -> tuple[float, int]:
        return play(inner)

    when, thread = asyncio.run(outer())
    assert (when, thread == threading.get_ident()) == (7, False)


def test_real_time_where_threads_are_wanted() -> None:
    async def main() -> tuple[bool, int]:
        loop = asyncio.get_running_loop()
        return isinstance(loop, VirtualLoop), await asyncio.to_thread(abs, -3)

    assert play(main, make_loop=asyncio.new_event_loop) == (False, 3)


def test_a_blocked_loop_is_given_up() -> None:
    go_on = threading.Event()

    async def main() -> None:
        go_on.wait(60)

    with pytest.raises(AssertionError, match=r"after 0\.05 s it was not over"):
        play(main, patience=0.05)
    go_on.set()


def test_an_error_is_told_by_its_own_lines() -> None:
    async def fails() -> None:
        await asyncio.sleep(1)
        raise ValueError("here")

    async def main() -> None:
        await fails()

    with pytest.raises(ValueError, match="here") as caught:
        play(main)
    assert [frame.name for frame in caught.traceback][1:] == ["play", "main", "fails"]
