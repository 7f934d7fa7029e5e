"""How a run's process ended, as whoever watched it says: the zygote, or the run's own init."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass

from onsite.grading.result import Passed

_SIGNALS: dict[int, Passed] = {signal.SIGXCPU: "cpu", signal.SIGXFSZ: "file_size"}


@dataclass(frozen=True, slots=True)
class Ended:
    """The last words about a run.

    `status` is the wait status of its process, None when it was alive and was ended on demand or
    for passing a limit. `limit` is the limit of the whole run that was passed, "cpu" or "memory".
    `cpu_seconds` and `memory_bytes` (the peak) are what all its processes used, 0 where nobody
    measures that. `fault` says what kept the run from starting.
    """

    status: int | None = None
    limit: Passed = ""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    fault: str = ""

    @property
    def was_killed(self) -> bool:
        """Whether its process got SIGKILL from somebody: itself, or the system short of memory."""
        return not self.limit and self._signal == signal.SIGKILL

    @property
    def passed(self) -> Passed:
        """The limit that ended it, if one did: of the whole run, or of its first process."""
        if self.limit:
            return self.limit
        return _SIGNALS.get(self._signal, "")

    @property
    def _signal(self) -> int:
        if self.status is None or not os.WIFSIGNALED(self.status):
            return 0
        return os.WTERMSIG(self.status)

    def dump(self) -> bytes:
        """A line of bytes, few enough for a pipe to take them at once."""
        return json.dumps(asdict(self)).encode() + b"\n"


def is_whole(words: bytes) -> bool:
    """Whether that is all of what `Ended.dump` gave."""
    return words.endswith(b"\n")


def read_ended(words: bytes) -> Ended | None:
    """What `Ended.dump` gave; None when whoever watched died first."""
    return Ended(**json.loads(words)) if words else None
