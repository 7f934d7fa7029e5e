"""A run with a crowd of busy processes is served last, so that it does not slow down the others.

The scheduler shares processors among processes, so that a run with hundreds of them would get
nearly everything, and a neighbour would miss its limit of time. What is served last gets all that
nobody else wants, and cannot change that itself.
"""

from __future__ import annotations

import contextlib
import os

from onsite.grading.sandbox.usage import Processes, threads

#: So many busy processes and threads for each processor are a crowd...
BUSY = 8
#: ...when they are that at so many looks in a row.
LOOKS = 4


class Crowd:
    """Watches for a crowd among a run's processes, by the /proc behind a descriptor."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._limit = BUSY * (os.cpu_count() or 1)
        self._looks = 0

    def look(self, found: Processes) -> None:
        """Take a look; whatever is part of a crowd is served last from now on."""
        self._looks = self._looks + 1 if found.running > self._limit else 0
        if self._looks >= LOOKS:
            for pid in found.pids:
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    for thread in threads(self._proc, pid):
                        os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))
