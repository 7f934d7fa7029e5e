"""Runs notebooks fast and from a distance: bytes in, result out.

One warm process (zygote.py) forks for each run. This side hands the run its cells one at a time,
keeps what it sends back, and enforces the limits on time and output. Nothing that a run does to
its own process can hurt this one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

from onsite.grading.document import Document
from onsite.grading.errors import LostError, RunnerError
from onsite.grading.result import Limits, RunResult
from onsite.grading.run import Run, Stop
from onsite.grading.warm import WarmProcess

__all__ = ["Runner", "RunnerError"]


class Runner:
    """Runs notebooks in forks of one warm process; safe to use from several threads.

    Args:
        limits: what each run may use.
        environment: variables that the runs see in addition to a short list of this process's.
        seed: what `random` and numpy's global generator are seeded with in each run.
        hash_seed: the runs' PYTHONHASHSEED, 0 to 4294967295.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        seed: int = 0,
        hash_seed: int = 0,
    ) -> None:
        self._limits = limits or Limits()
        self._environment = dict(environment or {})
        self._seed = seed
        self._hash_seed = hash_seed
        self._lock = threading.Lock()
        self._zygote: WarmProcess | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
    ) -> RunResult:
        """Run every code cell of a notebook (nbformat 4, JSON) in order in a fresh process.

        A cell that raises does not stop the run. `leave_out` are places of cells that are not run
        and have no result; `stop` is asked after each cell whether the rest may be left out too.

        Raises:
            OnsiteError: `notebook` is not a notebook of format 4.
            RunnerError: the machinery broke; a run may be tried again.
        """
        limits = limits or self._limits
        document = Document(notebook, leave_out)
        zygote = self._warm()
        try:
            return Run(zygote, document, limits, self._seed, stop).result()
        except LostError:
            self._forget(zygote)
        if self._closed:
            raise RunnerError("the runner was closed during the run")
        # Some run has killed the warm process. If it was this one it will do so again, to one
        # of its own, where no other run is hurt.
        alone = self._start()
        try:
            return Run(alone, Document(notebook, leave_out), limits, self._seed, stop).result(
                alone=True
            )
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
        return WarmProcess(self._environment, self._hash_seed)

    def _forget(self, zygote: WarmProcess) -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.close()
