"""Stage: real threads that change places only where a check says."""

import threading
import time
from collections import Counter, deque
from threading import RLock

import pytest

from onsite.stage import Actor, Stage, StandstillError, at_every_step


class Unlocked:
    def __init__(self):
        self.n = 0

    def add(self):
        self.n += 1


class Locked(Unlocked):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def add(self):
        with self.lock:
            super().add()


class LockedByImportedName(Unlocked):
    def __init__(self):
        super().__init__()
        self.lock = RLock()

    def add(self):
        with self.lock, self.lock:
            super().add()


class Counting(Unlocked):
    def __init__(self):
        self.totals = Counter(n=0)

    def add(self):
        self.totals.update({"n": 1})

    @property
    def n(self):
        return self.totals["n"]


class Chatty(Locked):
    """Writes through a library that has a lock of its own, as print() in a kernel does."""

    def add(self):
        LIBRARY["write"]()
        super().add()


LIBRARY: dict = {"__name__": "library"}
exec(  # noqa: S102
    "import threading\nlock = threading.Lock()\ndef write():\n    with lock:\n        return 1",
    LIBRARY,
)


class Mailbox:
    """One lock, one condition: what most answers are made of."""

    def __init__(self, condition):
        self.items = deque()
        self.changed = condition

    def put(self, item):
        with self.changed:
            self.items.append(item)
            self.changed.notify()

    def get(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            return self.items.popleft()


def totals(kind):
    """What two crossing adds left, for every place where they can cross."""
    seen = []

    def scene(stage: Stage, step: int) -> Actor:
        counter = kind()
        first, second = stage.cross(counter.add, counter.add, step)
        assert first.done and second.done
        seen.append(counter.n)
        return first

    at_every_step(scene)
    return seen


def test_a_race_without_a_call_in_between_is_found_every_time():
    first, again = totals(Unlocked), totals(Unlocked)
    assert first == again
    assert set(first) == {1, 2}


def test_threads_meet_inside_the_containers_of_the_library_too():
    assert 1 in totals(Counting)


@pytest.mark.parametrize("kind", [Locked, LockedByImportedName, Chatty])
def test_a_lock_closes_the_race_at_every_step(kind):
    seen = totals(kind)
    assert len(seen) > 10
    assert set(seen) == {2}


@pytest.mark.parametrize(
    "make", [threading.Condition, lambda: threading.Condition(threading.Lock())]
)
def test_a_waiting_call_is_seen_and_woken_without_a_clock(make):
    with Stage() as stage:
        box = Mailbox(make())
        gets = [stage.call(box.get) for _ in range(2)]
        assert all(get.waiting for get in gets)
        stage.call(box.put, "a")
        assert (gets[0].result, gets[1].waiting) == ("a", True)
        stage.call(box.put, "b")
        assert gets[1].result == "b"


def test_semaphores_and_events_are_watched_too():
    with Stage() as stage:
        slots, ready = threading.Semaphore(1), threading.Event()
        assert stage.call(slots.acquire).done
        second, third = stage.call(slots.acquire), stage.call(ready.wait)
        assert second.waiting and third.waiting
        stage.call(slots.release)
        stage.call(ready.set)
        assert second.done and third.done


def test_a_deadlock_is_two_calls_that_wait():
    with Stage() as stage:
        a, b = threading.Lock(), threading.Lock()

        def take(one, two):
            with one, two:
                pass

        crossed = []
        for step in range(1, 30):
            first, second = stage.cross(lambda: take(a, b), lambda: take(b, a), step)
            crossed.append((first.waiting, second.waiting))
            if first.waiting:
                break
        assert crossed[-1] == (True, True)


def test_calls_that_still_wait_end_with_the_stage():
    before = threading.active_count()
    with Stage() as stage:
        box = Mailbox(threading.Condition())
        for _ in range(5):
            stage.call(box.get)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_the_real_locks_come_back():
    lock = threading.Lock
    with pytest.raises(ZeroDivisionError), Stage():
        assert threading.Lock is not lock
        raise ZeroDivisionError
    assert threading.Lock is lock


def test_other_modules_get_real_locks_meanwhile():
    source = "import threading\ndef make():\n    return threading.Lock()"
    other: dict = {"__name__": "other"}
    exec(source, other)  # noqa: S102
    with Stage():
        assert type(other["make"]()) is not type(threading.Lock())


def test_an_error_of_a_call_is_kept_for_the_check():
    with Stage() as stage:
        call = stage.call(int, "x")
    assert call.done
    assert isinstance(call.error, ValueError)


def test_a_call_by_the_check_itself_that_would_wait_says_so():
    with Stage():
        box = Mailbox(threading.Condition())
        with pytest.raises(StandstillError, match="waits for ever"):
            box.get()


def test_a_call_that_spins_is_stopped():
    def spin():
        while True:
            pass

    with pytest.raises(StandstillError, match="spins"), Stage(limit=500) as stage:
        stage.call(spin)


@pytest.mark.parametrize(
    "wait",
    [
        lambda condition, lock, event: condition.wait(0.01),
        lambda condition, lock, event: condition.wait_for(lambda: False, timeout=30),
        lambda condition, lock, event: lock.acquire(timeout=0.01),
        lambda condition, lock, event: event.wait(0.01),
    ],
)
@pytest.mark.parametrize("swallow", [(), (Exception,)])
def test_a_wait_with_a_timeout_is_refused_even_if_the_answer_swallows_it(wait, swallow):
    def play(condition, *others):
        with condition:
            try:
                wait(condition, *others)
            except swallow:
                return

    with pytest.raises(StandstillError, match="with a timeout, "), Stage() as stage:
        made = threading.Condition(), threading.Lock(), threading.Event()
        stage.call(play, *made)


def test_a_call_that_spins_may_still_clean_up():
    cleaned = []

    def spin():
        try:
            while True:
                pass
        finally:
            cleaned.append(sum(range(10)))

    with pytest.raises(StandstillError, match="spins"), Stage(limit=500) as stage:
        stage.call(lambda: spin())
    assert cleaned == [45]


def test_a_call_that_sleeps_is_refused_and_others_may_sleep():
    with pytest.raises(StandstillError, match="sleeps for 30 s"), Stage() as stage:
        time.sleep(0)
        stage.call(lambda: time.sleep(30))
    assert time.sleep(0) is None


def test_asking_a_lock_without_waiting_is_no_timeout():
    with Stage() as stage:
        lock = threading.Lock()
        first, second = stage.call(lock.acquire, False), stage.call(lock.acquire, False)
    assert (first.result, second.result) == (True, False)


def test_an_instruction_of_a_call_can_be_looked_at():
    counter = Unlocked()
    with Stage() as stage:
        first, _ = stage.cross(counter.add, counter.add, 1)
    names = [first.instruction(step)[1].opname for step in range(1, first.steps + 1)]
    assert names[-1].startswith("RETURN")
    assert names.index("LOAD_ATTR") < names.index("STORE_ATTR")
    assert {first.instruction(step)[0] for step in (1, first.steps)} >= {
        Unlocked.add.__code__,
    }


def test_a_lock_which_the_stage_cannot_see_is_reported():
    hidden = threading.Lock()
    hidden.acquire()
    with (
        pytest.raises(StandstillError, match="the check cannot see"),
        Stage(patience=0.1) as stage,
    ):
        stage.call(hidden.acquire)
    hidden.release()


def test_a_shuffle_depends_on_its_seed_alone():
    def play(seed):
        order = []

        def write(name):
            for _ in range(20):
                order.append(name)  # noqa: PERF401

        with Stage() as stage:
            actors = stage.shuffle([lambda name=name: write(name) for name in "abc"], seed)
            assert all(actor.done for actor in actors)
        return "".join(order)

    runs = [play(seed) for seed in range(5)]
    assert runs == [play(seed) for seed in range(5)]
    assert len(set(runs)) == 5
    assert all(Counter(run) == {"a": 20, "b": 20, "c": 20} for run in runs)
