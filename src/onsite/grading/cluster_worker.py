"""What a Dask worker does: it grades one submission, with a Grader that it keeps for the next.

Everything arrives over the network. A worker reads no course, only its own copy of this package.
"""

from __future__ import annotations

import pickle
import platform
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

import onsite
from onsite.errors import OnsiteError
from onsite.grading.grader import Grader
from onsite.grading.result import Limits
from onsite.grading.sandbox import find

#: A Grader that nobody needed for so long, in seconds, is closed: its coordinator may have been
#: killed, and then nobody says so.
IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class Order:
    """What all submissions of a run have in common.

    `assignment` is from `assignment_bytes`; `limits` is what one notebook may use; `trust` means
    no sandbox; `versions` is what the coordinator's own `versions()` are.
    """

    assignment: bytes
    limits: Limits
    trust: bool
    versions: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """A name of what a Grader is made from."""
        made_from = (self.assignment, self.limits, self.trust)
        return blake2b(repr(made_from).encode(), digest_size=16).hexdigest()

    def to_bytes(self) -> bytes:
        """The order as it travels: a worker without this package can hold it."""
        return pickle.dumps(self)

    @classmethod
    @lru_cache(maxsize=4)
    def from_bytes(cls, content: bytes) -> Order:
        """The order that `to_bytes` wrote."""
        # Whoever reaches a Dask worker can have it run anything, pickle or not.
        order: Order = pickle.loads(content)  # noqa: S301
        return order


def grade(order: bytes, submission: bytes) -> bytes:
    """Grade a `Submission` by an `Order`; a `Grade`, all as bytes.

    Raises:
        OnsiteError: this machine is not fit to grade: no sandbox, or other versions.
    """
    ordered = Order.from_bytes(order)
    _check_versions(ordered.versions)
    with _borrowed(ordered) as grader:
        return grader.grade(submission)


# --- the same code on both sides ---------------------------------------------------------------


@cache
def versions() -> Mapping[str, str]:
    """What grades may depend on: Python, the packages that the course needs, and this code."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for line in [*(metadata.requires("onsite") or ()), "distributed"]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            try:
                found[requirement.name] = metadata.version(requirement.name)
            except metadata.PackageNotFoundError:
                found[requirement.name] = "missing"
    code = blake2b(digest_size=8)
    package = Path(onsite.__file__).parent
    for path in sorted(package.rglob("*.py")):
        code.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return found | {"onsite": code.hexdigest()}


def _check_versions(wanted: Mapping[str, str]) -> None:
    here = versions()
    if here == wanted:
        return
    differences = [
        f"{name} is {here.get(name, 'missing')} there and {wanted.get(name, 'missing')} here"
        for name in sorted({*here, *wanted})
        if here.get(name) != wanted.get(name)
    ]
    shown = ", ".join(differences[:3])
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    raise OnsiteError(
        f"The cluster's worker on {socket.gethostname()} would grade otherwise than this machine: "
        f"{shown}{more}; install the same commit and requirements.lock there as here."
    )


# --- the graders of this process -----------------------------------------------------------------


@dataclass
class _Kept:
    """A Grader, how many threads use it now, and the clock that closes it when nobody does."""

    grader: Grader
    users: int = 0
    clock: threading.Timer = field(default_factory=lambda: threading.Timer(0, lambda: None))


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


@contextmanager
def _borrowed(order: Order) -> Iterator[Grader]:
    """This process's Grader for the order; one is made when there is none."""
    digest = order.digest
    with _lock:
        if digest not in _kept:
            _kept[digest] = _Kept(_make(order))
        kept = _kept[digest]
        kept.users += 1
        kept.clock.cancel()
    try:
        yield kept.grader
    finally:
        with _lock:
            kept.users -= 1
            if kept.users == 0:
                kept.clock = threading.Timer(IDLE_SECONDS, _close_idle, [digest])
                kept.clock.daemon = True
                kept.clock.start()


def _make(order: Order) -> Grader:
    machine = socket.gethostname()
    try:
        sandbox = None if order.trust else find()
    except OnsiteError as error:
        raise OnsiteError(f"On the cluster's worker {machine}: {error}") from None
    return Grader(order.assignment, limits=order.limits, sandbox=sandbox, where=f" ({machine})")


def _close_idle(digest: str) -> None:
    with _lock:
        kept = _kept.get(digest)
        if kept is None or kept.users:
            return
        del _kept[digest]
    kept.grader.close()
