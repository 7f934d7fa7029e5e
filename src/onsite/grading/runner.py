"""Runs notebooks fast and from a distance: bytes in, result out.

One warm process (zygote.py) forks for each run. This side hands the run its cells one at a time,
keeps what it sends back, and enforces the limits on time and output. Nothing that a run does to
its own process can hurt this one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Self

from onsite.grading.document import Document
from onsite.grading.errors import KilledError, LostError, RunnerError
from onsite.grading.referee.judge import Parts, Role
from onsite.grading.result import Limits, RunResult
from onsite.grading.run import Run, Stop
from onsite.grading.sandbox.bubblewrap import Sandbox
from onsite.grading.warm import WarmProcess

__all__ = ["Runner", "RunnerError"]

#: How often a run is tried that somebody kills each time in another cell.
ATTEMPTS = 3


class Runner:
    """Runs notebooks in forks of one warm process; safe to use from several threads.

    Args:
        limits: what each run may use.
        environment: variables that the runs see in addition to a short list of this process's.
        seed: what `random` is seeded with in each run, and numpy's global generator if `optional`
            names numpy.
        hash_seed: the runs' PYTHONHASHSEED, 0 to 4294967295.
        sandbox: where they run; None: unprotected, with all that this process may do.
        optional: what the warm process imports beside what all do; see `preload.used_by`.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        sandbox: Sandbox | None = None,
        optional: Iterable[str] = (),
    ) -> None:
        self._limits = limits or Limits()
        self._environment = dict(environment or {})
        self._seed = seed
        self._hash_seed = hash_seed
        self._sandbox = sandbox
        self._optional = tuple(optional)
        self._lock = threading.Lock()
        self._zygote: WarmProcess | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the warm process and every run it forked."""
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()

    def run(
        self,
        notebook: bytes,
        *,
        limits: Limits | None = None,
        leave_out: Collection[int] = (),
        stop: Stop | None = None,
        roles: Mapping[int, Role] | None = None,
        exercises: frozenset[str] = frozenset(),
    ) -> RunResult:
        """Run every code cell of a notebook (nbformat 4, JSON) in order in a fresh process.

        A cell that raises does not stop the run. `leave_out` are places of cells that are not run
        and have no result; `stop` is asked after each cell whether the rest may be left out too.
        `roles` says by place which cells are the instructor's: "instructor" for locked ones, and
        "check" for those that are graded, which pass only by proof. All others are the student's.
        `exercises` are the global names that the exercises ask for, so that checks use the
        student's even when an instructor's cell binds them too.

        Raises:
            OnsiteError: `notebook` is not a notebook of format 4.
            RunnerError: the machinery broke; a run may be tried again.
        """
        limits = limits or self._limits
        died_in = None
        for _ in range(ATTEMPTS):
            try:
                return self._run(
                    notebook, leave_out, limits, stop, Parts(roles or {}, exercises), died_in
                )
            except KilledError as error:
                died_in = error.cell
        raise RunnerError(f"the run was killed {ATTEMPTS} times; the machine may be out of memory")

    def _run(
        self,
        notebook: bytes,
        leave_out: Collection[int],
        limits: Limits,
        stop: Stop | None,
        parts: Parts,
        died_in: int | None,
    ) -> RunResult:
        document = Document(notebook, leave_out)
        zygote = self._warm()
        try:
            return Run(zygote, document, limits, self._seed, stop, parts, died_in=died_in).result()
        except LostError:
            if zygote.lost:
                self._forget(zygote)
        if self._closed:
            raise RunnerError("the runner was closed during the run")
        # Without a sandbox some run has killed the warm process. If it was this one it will do so
        # again, to one of its own, where no other run is hurt. In a sandbox no run can do that:
        # what happens twice is a fault of this machine.
        alone = self._start()
        document = Document(notebook, leave_out)
        try:
            return Run(
                alone, document, limits, self._seed, stop, parts, alone=True, died_in=died_in
            ).result()
        except LostError as error:
            raise RunnerError(f"the run was lost twice ({error})") from None
        finally:
            alone.close()

    def _warm(self) -> WarmProcess:
        with self._lock:
            if self._closed:
                raise RunnerError("the runner is closed")
            if self._zygote is None:
                self._zygote = self._start()
            return self._zygote

    def _start(self) -> WarmProcess:
        return WarmProcess(self._environment, self._hash_seed, self._optional, self._sandbox)

    def _forget(self, zygote: WarmProcess) -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.close()
