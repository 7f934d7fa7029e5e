"""Threads that change places only where a check says so: races that happen every time, or never.

A stress test finds a race on some runs. Here the threads are real, but only one of them runs at a
time, and the stage says which: before every bytecode instruction of the code under test it may
hand the turn to another one. `threading.Lock` and `threading.RLock` are replaced, while an answer
makes its objects, by locks that know who waits for them. So a wait needs no clock, and a deadlock
is seen at once: everybody waits and nobody can run.

The stage is stricter than a CPython with a GIL, which since 3.10 changes threads at a few kinds of
instruction only. It is nearer to a free-threaded build, where nothing holds the others back.

The idea is that of systematic concurrency testing (Musuvathi and others, "Finding and Reproducing
Heisenbugs in Concurrent Programs", OSDI 2008), kept to what a notebook's checks need.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
import threading
import time
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest import mock

_real_lock = threading.Lock
_real_rlock = threading.RLock
_real_sleep = time.sleep
# Condition.wait() makes the lock it sleeps on by this name.
_real_allocate = threading._allocate_lock  # type: ignore[attr-defined]

# What an answer calls to get a lock may itself be library code: Semaphore, Event, Queue.
_LOCK_MAKERS = ("threading", "queue")
# Library code in Python that an answer may build on, and where threads can meet as well.
_CROSSED_LIBRARIES = ("collections", "contextlib", "queue")


# 3.12 reports opcodes only if some frame wanted them before settrace(). Any frame will do, but it
# has to be over by then: 3.12.1 crashes in one that goes on while its thread has no trace.
sys._getframe().f_trace_opcodes = True


def _ask_no_more(frame: types.FrameType | None) -> None:
    # For the same crash: what a trace function raises ends the trace, and the frames go on.
    while frame is not None:
        frame.f_trace_opcodes = False
        frame = frame.f_back


class StandstillError(AssertionError):
    """A call waits in a way that the stage refuses: for ever by itself, by spinning, by a clock."""


class _Curtain(BaseException):
    """Unwinds a call that still waits when the stage closes."""


class Actor:
    """One call in a thread of its own.

    `done` says whether it has ended, `error` is the exception it ended with, `result` what it
    returned, and `trail` the bytecode instructions of the code under test it has come to, each as
    the code object and the offset in it.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        """Prepare `call`; the stage makes it."""
        self.call = call
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.trail: list[tuple[types.CodeType, int]] = []
        self.waits_for: object = None
        self.go = _real_lock()
        self.go.acquire()

    @property
    def waiting(self) -> bool:
        """Whether the call has not ended; between two plays that means: it waits."""
        return not self.done

    @property
    def steps(self) -> int:
        """How many instructions of the code under test it has come to."""
        return len(self.trail)

    def instruction(self, step: int) -> tuple[types.CodeType, dis.Instruction]:
        """The `step`-th instruction it came to, from 1, and the code that it belongs to."""
        code, offset = self.trail[step - 1]
        return code, next(i for i in dis.get_instructions(code) if i.offset == offset)

    def __repr__(self) -> str:
        """What a failed assert shows."""
        if not self.done:
            return "a call which still waits"
        return f"a call which raised {self.error!r}" if self.error else f"{self.result!r}"


class Stage(AbstractContextManager["Stage"]):
    """Plays calls as threads, one at a time. To be used in a `with` block.

    Args:
        namespace: The globals of the code under test; the caller's when not given. Locks are
            watched when code of this namespace makes them, inside the `with` block.
        patience: Seconds without a single instruction after which a thread counts as lost: it
            sleeps, or waits for something that the stage cannot see.
        limit: Instructions after which a call counts as spinning.
    """

    def __init__(
        self,
        namespace: dict[str, Any] | None = None,
        patience: float = 1.0,
        limit: int = 20_000,
    ) -> None:
        """An empty stage; it watches locks once it is entered."""
        self._namespace = sys._getframe(1).f_globals if namespace is None else namespace
        self._patience = patience
        self._limit = limit
        self._actors: list[Actor] = []
        self._turn: Actor | None = None  # None: the check itself
        self._main_go = _real_lock()
        self._main_go.acquire()
        self._before_step: Callable[[Actor], Actor | None] = lambda actor: None
        self._closing = False
        self._lost: Actor | None = None
        self._refusal: StandstillError | None = None
        self._patches = ExitStack()

    # What a check calls

    # All three raise StandstillError when a call spins, sleeps, waits with a timeout, or waits for
    # what the stage cannot see: no check can use what such a call did.

    def call(self, function: Callable[..., object], *args: object) -> Actor:
        """Call `function` in a new thread, let everybody run as far as they can, and return."""
        (actor,) = self._play([functools.partial(function, *args)])
        return actor

    def cross(
        self, first: Callable[[], object], second: Callable[[], object], step: int
    ) -> tuple[Actor, Actor]:
        """Run `first`; before its `step`-th instruction (from 1) let `second` run, then go on.

        When `first` ends or waits earlier, `second` simply follows it.
        """
        one, two = Actor(first), Actor(second)

        def switch(actor: Actor) -> Actor | None:
            return two if actor is one and actor.steps == step else None

        self._play_actors([one, two], switch)
        return one, two

    def shuffle(self, calls: list[Callable[[], object]], seed: int, every: int = 8) -> list[Actor]:
        """Run all `calls` and change places at random, once in `every` instructions or so."""
        dice = random.Random(seed)  # noqa: S311 - schedules, not secrets

        def switch(actor: Actor) -> Actor | None:
            return dice.choice(self._ready()) if dice.randrange(every) == 0 else None

        return self._play_actors([Actor(call) for call in calls], switch)

    # Opening and closing

    def __enter__(self) -> Stage:
        """Watch the locks which the code under test makes from here on."""
        swaps: tuple[tuple[object, Callable[..., Any]], ...] = (
            (_real_lock, self._make_lock),
            (_real_rlock, self._make_rlock),
            (_real_sleep, self._sleep),
        )
        self._patches.enter_context(mock.patch.object(time, "sleep", self._sleep))
        for name, swap in (
            ("Lock", self._make_lock),
            ("RLock", self._make_rlock),
            ("_allocate_lock", self._make_lock),
        ):
            self._patches.enter_context(mock.patch.object(threading, name, swap))
        imported = {
            name: swap
            for name, value in self._namespace.items()
            for real, swap in swaps
            if value is real
        }
        self._patches.enter_context(mock.patch.dict(self._namespace, imported))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Give the real locks back and end every call that still waits."""
        self._patches.close()
        self._closing = True
        for actor in self._actors:
            if not actor.done and actor is not self._lost:
                self._give(actor, None)
                self._main_go.acquire(timeout=self._patience)

    def _make_lock(self) -> Any:
        return WatchedLock(self) if self._wanted(sys._getframe(1)) else _real_allocate()

    def _make_rlock(self) -> Any:
        return WatchedRLock(self) if self._wanted(sys._getframe(1)) else _real_rlock()

    def _sleep(self, seconds: float) -> None:
        if self._turn is not None and sys._getframe(1).f_globals is self._namespace:
            self.refuse(f"a call sleeps for {seconds:g} s, where it should wait to be woken")
        _real_sleep(seconds)

    def _wanted(self, frame: types.FrameType | None) -> bool:
        # The kernel's own threads make locks too: only those of the code under test are watched.
        while frame is not None and frame.f_globals.get("__name__") in _LOCK_MAKERS:
            frame = frame.f_back
        if frame is None:
            return False
        # A library's method may be the whole call, as in `stage.call(semaphore.acquire)`; when it
        # is nobody's turn, it is the stage itself that starts a thread.
        return frame.f_globals is self._namespace or (
            frame.f_globals is globals() and self._turn is not None
        )

    # Turns. Only the thread whose turn it is runs, so what follows needs no lock of its own.

    def _play(self, calls: list[Callable[[], object]]) -> list[Actor]:
        return self._play_actors([Actor(call) for call in calls], lambda actor: None)

    def _play_actors(
        self, actors: list[Actor], before_step: Callable[[Actor], Actor | None]
    ) -> list[Actor]:
        self._before_step = before_step
        self._actors += actors
        for actor in actors:
            threading.Thread(target=self._act, args=(actor,), daemon=True).start()
        self._turn = self._ready()[0]
        self._turn.go.release()
        self._await_quiet()
        if self._refusal is not None:
            raise self._refusal
        return actors

    def _await_quiet(self) -> None:
        seen = -1
        while not self._main_go.acquire(timeout=self._patience):
            steps = sum(actor.steps for actor in self._actors)
            if steps == seen:
                self._lost = self._turn
                raise StandstillError(
                    "a call stands still at something that the check cannot see: a sleep, a real "
                    "queue, or a lock which was not made in __init__ or later (for example a lock "
                    "made in the class body)"
                )
            seen = steps

    def _ready(self) -> list[Actor]:
        return [actor for actor in self._actors if not actor.done and actor.waits_for is None]

    def _act(self, actor: Actor) -> None:
        actor.go.acquire()
        sys.settrace(functools.partial(self._trace, actor))
        try:
            if not self._closing:
                actor.result = actor.call()
        except _Curtain:
            pass
        except BaseException as error:  # handed to the check as it is
            actor.error = error
        finally:
            sys.settrace(None)
            actor.done = True
            if actor is not self._lost:
                self._hand_on()

    def _trace(self, actor: Actor, frame: types.FrameType, event: str, _: object) -> Any:
        # Not in every library: a print() must not be left while it holds the kernel's own locks.
        module = frame.f_globals.get("__name__")
        if frame.f_globals is not self._namespace and module not in _CROSSED_LIBRARIES:
            return None
        if event == "call":
            # 3.13 turns opcode events on at once only in a frame that has its trace function.
            # A frame is asked for its code only here: where work is graded each asking is audited.
            frame.f_trace = functools.partial(self._trace_opcodes, actor, frame.f_code)
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        return frame.f_trace

    def _trace_opcodes(
        self, actor: Actor, code: types.CodeType, frame: types.FrameType, event: str, _: object
    ) -> Any:
        if event == "opcode":
            actor.trail.append((code, frame.f_lasti))
            try:
                self._step(actor)
            except (StandstillError, _Curtain):
                _ask_no_more(frame)
                raise
        return frame.f_trace

    def _step(self, actor: Actor) -> None:
        if actor.steps > self._limit:
            self.refuse(
                f"a call was still busy after {self._limit:,} instructions: it spins, where it "
                "should wait to be woken"
            )
        following = None if self._closing else self._before_step(actor)
        if following in self._ready() and following is not actor:
            self._give(following, actor)
        if self._closing:
            raise _Curtain

    def _give(self, following: Actor | None, me: Actor | None) -> None:
        self._turn = following
        (self._main_go if following is None else following.go).release()
        if me is not None and not me.done:
            me.go.acquire()

    def _hand_on(self) -> None:
        ready = [] if self._closing else self._ready()
        self._give(ready[0] if ready else None, self._turn)

    def refuse(self, why: str) -> None:
        """End the running call, and make the check that plays it fail with `why`.

        Raises:
            StandstillError: Always; also from the check's own call, if the answer swallows it.
        """
        refusal = StandstillError(why)
        self._refusal = self._refusal or refusal
        raise refusal

    def wait_for(self, thing: object) -> None:
        """Put the running call to sleep until `wake(thing)`.

        Raises:
            StandstillError: The check itself made the call, so nobody could wake it.
        """
        me = self._turn
        if self._closing or self._lost:
            raise _Curtain
        if me is None:
            raise StandstillError("the call waits for ever: nobody is there to wake it")
        me.waits_for = thing
        self._hand_on()
        if self._closing:
            raise _Curtain

    def wake(self, thing: object) -> None:
        """Let every call that waits for `thing` try again when its turn comes."""
        for actor in self._actors:
            if actor.waits_for is thing:
                actor.waits_for = None

    @property
    def turn(self) -> Actor | None:
        """Whose turn it is; None for the check itself."""
        return self._turn


class WatchedLock:
    """`threading.Lock` on a stage, which has no clock: to wait with a timeout is refused."""

    def __init__(self, stage: Stage) -> None:
        """A free lock."""
        self._stage = stage
        self._locked = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, waiting for it when `blocking`.

        Raises:
            StandstillError: There is a timeout. `Condition`, `Event`, `Semaphore` and `Queue` come
                here too, when they are given one.
        """
        if blocking and timeout != -1:
            self._stage.refuse(
                f"a wait with a timeout, {timeout:g} s: who waits should sleep until he is woken, "
                "and a wake-up that is missing should not be hidden by a clock"
            )
        while self._locked:
            if not blocking:
                return False
            self._stage.wait_for(self)
        self._locked = True
        return True

    def release(self) -> None:
        """Give the lock back and wake those who wait for it."""
        if not self._locked:
            raise RuntimeError("release unlocked lock")
        self._locked = False
        self._stage.wake(self)

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._locked

    def __enter__(self) -> bool:
        """Take the lock."""
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        """Give it back, except from a call that the closing stage unwinds."""
        if self._locked:
            self.release()


class WatchedRLock(WatchedLock):
    """`threading.RLock` on a stage, with what `threading.Condition` asks of one."""

    def __init__(self, stage: Stage) -> None:
        """A free lock."""
        super().__init__(stage)
        self._owner: Actor | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, once more if this call has it already."""
        if not (self._is_owned() or super().acquire(blocking, timeout)):
            return False
        self._owner = self._stage.turn
        self._depth += 1
        return True

    def release(self) -> None:
        """Undo one `acquire`."""
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if self._depth == 0:
            super().release()

    def __exit__(self, *_: object) -> None:
        """Give it back, except from a call that the closing stage unwinds."""
        if self._is_owned():
            self.release()

    def _is_owned(self) -> bool:
        return self._locked and self._owner is self._stage.turn

    def _release_save(self) -> int:
        depth, self._depth = self._depth, 0
        super().release()
        return depth

    def _acquire_restore(self, depth: int) -> None:
        super().acquire()
        self._owner, self._depth = self._stage.turn, depth


def at_every_step(scene: Callable[[Stage, int], Actor]) -> None:
    """Play `scene` again and again, with the crossing one instruction later each time.

    Args:
        scene: Gets an open stage and a step, builds fresh objects, calls `stage.cross` with that
            step, asserts what must hold, and returns the first of the two actors.
    """
    step, played = 1, 1
    while step <= played:
        with Stage(scene.__globals__) as stage:
            played = scene(stage, step).steps
        step += 1
