"""One warm runner for the tests of this folder: it takes two seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onsite.grading.result import Limits
from onsite.grading.runner import Runner

#: Long enough for a busy machine, short enough for a test of what passes a limit.
LIMITS = Limits(seconds_per_cell=20, seconds=60)


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    with Runner(limits=LIMITS, seed=7, hash_seed=11) as runner:
        yield runner
