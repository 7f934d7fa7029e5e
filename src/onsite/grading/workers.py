"""Grader processes on this machine: submissions in, results out, whoever dies in between."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Protocol, Self

from onsite.errors import OnsiteError
from onsite.grading.outcome import Grade
from onsite.grading.result import Limits
from onsite.grading.sandbox import Sandbox
from onsite.grading.submission import Submission
from onsite.grading.worker import READY

#: How many submissions a worker has at a time: one in hand, and the next one beside it.
DEPTH = 2
#: How often a submission may take its worker down before it is given up.
DEATHS = 2
#: How many workers in a row may die before they are ready.
STILLBORN = 3
#: How long workers have to end by themselves, in seconds.
END_SECONDS = 5.0


class Workers(Protocol):
    """Whoever grades: processes of this machine, or a cluster. Leaving it ends what it does."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def grade(self, submissions: Iterable[bytes]) -> Iterator[bytes]:
        """A `Grade`, as bytes, for each `Submission`, in whatever order they are done.

        Submissions are taken from the iterable when there is somebody to grade them, so that
        there are never many in memory. One that took its worker down twice comes back as a
        `Grade` with a problem.
        """
        ...


def processors() -> int:
    """How many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Task:
    """A submission, and how many workers have died over it."""

    submission: bytes
    deaths: int = 0


class LocalWorkers:
    """Processes of this machine, each with a `Grader`; they start when there is work.

    Args:
        assignment: from `assignment_bytes`.
        jobs: how many.
        limits: what one notebook may use.
        sandbox: as for `Grader`.
    """

    def __init__(
        self, assignment: bytes, jobs: int, *, limits: Limits, sandbox: Sandbox | None
    ) -> None:
        self._jobs = jobs
        self._order = (assignment, limits, sandbox)
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, whatever they do."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.hang_up()
        for worker in workers:
            worker.end()

    def grade(self, submissions: Iterable[bytes]) -> Iterator[bytes]:
        """See `Workers.grade`.

        Raises:
            OnsiteError: no worker can be started.
        """
        waiting = _Waiting(submissions)
        while waiting or any(worker.tasks for worker in self._workers):
            while len(self._workers) < self._jobs:
                self._workers.append(_Worker(self._order))
            for depth in range(DEPTH):  # first one each
                for worker in self._workers:
                    if worker.ready and len(worker.tasks) == depth and waiting:
                        worker.send(waiting.pop())
            heard = wait([worker.channel for worker in self._workers])
            for worker in [each for each in self._workers if each.channel in heard]:
                result = worker.receive()
                if result is None:
                    yield from self._bury(worker, waiting)
                elif result == READY:
                    self._stillborn = 0
                else:
                    worker.tasks.popleft()
                    yield result

    def _bury(self, worker: _Worker, waiting: _Waiting) -> Iterator[bytes]:
        """Take a dead worker's submissions back; only the first one can be what killed it."""
        self._workers.remove(worker)
        worker.hang_up()
        worker.end()
        self._stillborn += not worker.ready
        if self._stillborn >= STILLBORN:
            raise OnsiteError(
                f"The processes that grade do not start: {worker.last_words()}; nothing is lost, "
                "so mend that and run the same command again."
            )
        for number, task in reversed(list(enumerate(worker.tasks))):
            if number:
                waiting.put_back(task)
            elif task.deaths + 1 < DEATHS:
                waiting.put_back(replace(task, deaths=task.deaths + 1))
            else:
                submission = Submission.from_bytes(task.submission)
                problem = f"the process that graded it died {DEATHS} times: {worker.last_words()}"
                grade = Grade(submission.student, submission.module, (), problem=problem)
                yield grade.to_bytes()


class _Waiting:
    """What is still to be handed out: what came back, then new ones, one of which is looked at."""

    def __init__(self, submissions: Iterable[bytes]) -> None:
        self._fresh = iter(submissions)
        self._again: deque[Task] = deque()

    def __bool__(self) -> bool:
        if not self._again:
            self._again.extend(Task(data) for data in islice(self._fresh, 1))
        return bool(self._again)

    def pop(self) -> Task:
        return self._again.popleft()

    def put_back(self, task: Task) -> None:
        self._again.appendleft(task)


class _Worker:
    """The near end of one worker process, and what it was given to do, oldest first."""

    def __init__(self, order: tuple[bytes, Limits, Sandbox | None]) -> None:
        self.tasks: deque[Task] = deque()
        self.ready = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # goes with this object
        near, far = socket.socketpair()
        with far, tempfile.TemporaryFile() as told:
            # In a file, so that nobody waits until the new process has imported everything.
            pickle.dump(order, told)
            told.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "onsite.grading.worker", str(far.fileno())],
                pass_fds=[far.fileno()],
                stdin=told,
                stdout=self._log,
                stderr=self._log,
                # Ctrl-C is the coordinator's matter.
                start_new_session=True,
            )
        self.channel = Connection(near.detach())

    def send(self, task: Task) -> None:
        """Have it grade one more; whether it still lives, `receive` tells."""
        self.tasks.append(task)
        with contextlib.suppress(OSError):
            self.channel.send_bytes(task.submission)

    def receive(self) -> bytes | None:
        """The next thing it has to say; None when it is dead."""
        try:
            said = self.channel.recv_bytes()
        except (EOFError, OSError):
            return None
        self.ready = True
        return said

    def hang_up(self) -> None:
        """Tell it to end; it may be called twice."""
        self.channel.close()

    def end(self) -> None:
        """Wait for its end, but not for ever."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The last line that it wrote, else how it ended."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        code = self._process.returncode
        return lines[-1] if lines else f"signal {-code}" if code and code < 0 else f"code {code}"
