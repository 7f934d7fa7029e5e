"""Grading on a Dask cluster: submissions go out as bytes and grades come back as bytes.

    grade_module -> ClusterWorkers -> Dask's scheduler -> cluster_worker.grade, on other machines

Nothing but the network is shared. What all submissions have in common, the `Order`, is a task of
its own that the others depend on: Dask brings it to a worker once and makes it again when
whoever held it has died. A submission whose worker dies is given to another one by Dask, at most
as often as its `distributed.scheduler.allowed-failures` says.
"""

from __future__ import annotations

import logging
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Self

from onsite.errors import OnsiteError
from onsite.grading.cluster_worker import Order, versions
from onsite.grading.outcome import Grade
from onsite.grading.result import Limits
from onsite.grading.submission import Submission

if TYPE_CHECKING:
    from distributed import Client, Future

#: The address that means: start a cluster on this machine.
LOCAL = "local"
CONNECT_SECONDS = 15.0
#: How many submissions are under way for each thread of the cluster: one that is graded, one
#: that waits beside it, one on its way. No more, so that neither end's memory grows with a class.
DEPTH = 3
#: How often the number of threads is asked for, in seconds.
LOOK_SECONDS = 5.0


class ClusterWorkers:
    """The workers of a Dask cluster, in the place of `workers.LocalWorkers`.

    Args:
        address: the scheduler's, such as tcp://10.0.0.1:8786 or tls://..., or "local".
        assignment: from `assignment_bytes`.
        jobs: how many workers a "local" cluster has.
        limits: what one notebook may use.
        trust: whether submissions run without a sandbox.
        tell: called with a sentence when there is something to wait for.

    Raises:
        OnsiteError: there is no scheduler at the address, or Dask is not installed.
    """

    def __init__(
        self,
        address: str,
        assignment: bytes,
        *,
        jobs: int,
        limits: Limits,
        trust: bool = False,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._order = Order(assignment, limits, trust, versions()).to_bytes()
        self._tell = tell
        self._stack = ExitStack()
        try:
            self._client = self._connect(address, jobs)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster, which forgets what is under way; a "local" one ends."""
        self._stack.close()

    def grade(self, submissions: Iterable[bytes]) -> Iterator[bytes]:
        """A `Grade`, as bytes, for each `Submission`, in whatever order they are done.

        Submissions are taken from the iterable as they can be graded. One that took several
        workers down comes back as a `Grade` with a problem.

        Raises:
            OnsiteError: the scheduler is gone, or a worker is not fit to grade.
        """
        from distributed import as_completed

        run = f"onsite-{uuid.uuid4().hex}"
        order = self._client.submit(bytes, self._order, key=f"{run}-order")
        grade = _portable()
        fresh = zip(count(), submissions)
        under_way: dict[Future[bytes], bytes] = {}
        ready = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        places = Places(self._client, self._tell)
        while True:
            for number, submission in islice(fresh, max(0, places() - len(under_way))):
                with warnings.catch_warnings():
                    # Dask finds arguments of more than 10 MB odd.
                    warnings.simplefilter("ignore", UserWarning)
                    future = self._client.submit(
                        grade, order, submission, key=f"{run}-{number}", pure=False
                    )
                under_way[future] = submission
                ready.add(future)
            if not under_way:
                return
            for future, result in ready.next_batch():
                submission = under_way.pop(future)
                yield _result(submission, future.status, result)

    def _connect(self, address: str, jobs: int) -> Client:
        try:
            import distributed
            from distributed.comm.addressing import resolve_address
        except ImportError:
            raise OnsiteError(
                "--cluster needs Dask, which is not installed here; "
                "install it by .venv/bin/pip install -r requirements-test.lock."
            ) from None
        # What happens to the connection is said in sentences of our own.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        where: Any = address
        if address == LOCAL:
            where = self._stack.enter_context(
                distributed.LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    memory_limit=None,
                    # Whoever reaches a scheduler can run programs: other users of this machine
                    # must not.
                    security=True,
                    silence_logs=logging.CRITICAL,
                )
            )
        try:
            if where is address:
                # Given nonsense, a Client leaves a thread behind which ends with a traceback.
                resolve_address(address)
            client = distributed.Client(where, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:
            raise OnsiteError(
                f"There is no Dask scheduler at {address} ({_first_line(error)}); start one by "
                "`dask scheduler` and give the address that it prints, or use --cluster local."
            ) from None
        self._stack.enter_context(client)
        return client


class Places:
    """How many submissions may be under way, by the number of threads in the cluster now."""

    def __init__(self, client: Client, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._count = 0
        self._looked = 0.0

    def __call__(self) -> int:
        """The number; waits until there is a worker."""
        while self._count == 0 or time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            try:
                threads = sum(self._client.nthreads().values())
            except Exception:
                raise _gone() from None
            if threads == 0:
                self._tell("The cluster has no workers yet; start some by `dask worker`.")
                time.sleep(0.5)
            self._count = DEPTH * threads
        return self._count


def _portable() -> Callable[[bytes, bytes], bytes]:
    """`cluster_worker.grade`, as a function that a worker without this package can take in.

    A function made here travels as its code. One of a module travels as the module's name, and a
    Dask worker that cannot import a name which the scheduler sends leaves without a word.
    """

    def grade(order: bytes, submission: bytes) -> bytes:
        from onsite.grading import cluster_worker

        return cluster_worker.grade(order, submission)

    return grade


def _result(submission: bytes, status: str, result: Any) -> bytes:
    """What came of one submission.

    Raises:
        OnsiteError: it is the cluster that failed, so the next submission would fail too.
    """
    from distributed import KilledWorker

    if status == "finished":
        return bytes(result)
    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, KilledWorker):
        given = Submission.from_bytes(submission)
        problem = f"{error.allowed_failures + 1} workers of the cluster died while they graded it"
        return Grade(given.student, given.module, (), problem=problem).to_bytes()
    if isinstance(error, OnsiteError):
        raise error
    if isinstance(error, CancelledError):
        raise _gone()
    raise OnsiteError(
        f"The cluster cannot grade ({_first_line(error)}); install the same commit and "
        "requirements.lock for its scheduler and its workers as here."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _gone() -> OnsiteError:
    return OnsiteError(
        "The connection to the scheduler is lost; what was graded is kept, so run the same "
        "command again when the scheduler is there."
    )
