"""Runs made before they are wanted: whoever comes gets one like they asked for."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.channels import Channels
from onsite.grading.errors import LostError
from onsite.grading.forks import Fork, Forks, Order
from onsite.grading.runner import Runner

SMALL: dict[str, Any] = {"fence": {"memory": 1}}
LARGE: dict[str, Any] = {"fence": {"memory": 2}}


class Warm:
    """A warm process that only writes down what it was told."""

    def __init__(self) -> None:
        self.forked: list[Order] = []
        self.ended: list[int] = []
        self.dead = False
        self._numbers = itertools.count()

    def fork(self, order: Order, descriptors: list[int]) -> int:
        if self.dead:
            raise LostError("the warm process died")
        assert len(descriptors) == 4
        self.forked.append(order)
        return next(self._numbers)

    def end(self, number: int) -> None:
        self.ended.append(number)


@pytest.fixture
def warm() -> Warm:
    return Warm()


@pytest.fixture
def forks(warm: Warm) -> Forks:
    return Forks(warm.fork, warm.end)


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208


def done(fork: Fork) -> None:
    fork.channels.close()


def test_one_that_was_prepared_is_not_forked_again(warm: Warm, forks: Forks) -> None:
    forks.prepare(SMALL, 100)
    assert warm.forked == [SMALL]
    fork = forks.take(SMALL, 100)
    assert (fork.number, warm.forked, warm.ended) == (0, [SMALL], [])
    done(fork)


def test_there_is_one_at_most(warm: Warm, forks: Forks) -> None:
    for _ in range(3):
        forks.prepare(SMALL, 100)
    assert len(warm.forked) == 1
    taken = [forks.take(SMALL, 100) for _ in range(2)]
    assert [fork.number for fork in taken] == [0, 1]
    for fork in taken:
        done(fork)


@pytest.mark.parametrize(("order", "size"), [(LARGE, 100), (SMALL, 200)])
def test_one_of_another_kind_is_ended(
    warm: Warm, forks: Forks, order: dict[str, Any], size: int
) -> None:
    before = descriptors()
    forks.prepare(SMALL, 100)
    fork = forks.take(order, size)
    assert (fork.number, warm.forked, warm.ended) == (1, [SMALL, order], [0])
    done(fork)
    assert descriptors() == before


def test_nothing_is_left_when_it_closes(warm: Warm, forks: Forks) -> None:
    before = descriptors()
    forks.prepare(SMALL, 100)
    forks.close()
    forks.prepare(SMALL, 100)
    assert (len(warm.forked), descriptors()) == (1, before)


def test_a_dead_warm_process_is_the_next_ones_matter(warm: Warm, forks: Forks) -> None:
    before = descriptors()
    warm.dead = True
    forks.prepare(SMALL, 100)
    with pytest.raises(LostError):
        forks.take(SMALL, 100)
    assert descriptors() == before


def test_what_fails_ahead_of_time_costs_nobody_a_turn(
    warm: Warm, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> Channels:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("onsite.grading.forks.Channels", full)
        forks.prepare(SMALL, 100)
        with pytest.raises(OSError, match="too many"):
            forks.take(SMALL, 100)
    done(forks.take(SMALL, 100))
    assert warm.forked == [SMALL]


def test_nobody_shares_one(warm: Warm, forks: Forks) -> None:
    def take_and_prepare(_: int) -> Fork:
        fork = forks.take(SMALL, 100)
        forks.prepare(SMALL, 100)
        return fork

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take_and_prepare, range(40)))
    assert len({fork.number for fork in taken}) == 40
    assert len(warm.forked) <= 41
    for fork in taken:
        done(fork)
    forks.close()


def test_to_close_while_one_is_made_stops_nobody() -> None:
    """A worker closes when its coordinator is gone, from another thread than it grades in."""
    with Runner() as one:
        one.run(notebook("1"))
        zygote = one._zygote
        assert zygote is not None
        fork, making, closing = zygote.forks._fork, threading.Event(), threading.Event()

        def slowly(order: Order, descriptors: list[int]) -> int:
            making.set()
            closing.wait(10)
            time.sleep(0.3)  # until the other thread has come to what it waits for
            return fork(order, descriptors)

        def close() -> None:
            making.wait(10)
            closing.set()
            zygote.close()

        zygote.forks._fork = slowly
        with zygote.room() as folder:
            order = {"fence": {"folder": folder}, "bounds": {}}
            threads = [
                threading.Thread(target=zygote.forks.prepare, args=(order, 100), daemon=True),
                threading.Thread(target=close, daemon=True),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert not any(thread.is_alive() for thread in threads)
