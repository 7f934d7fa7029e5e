"""One warm runner for the tests of this folder: it takes two seconds to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from onsite.grading.result import Limits
from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox, find

#: Long enough for a busy machine, short enough for a test of what passes a limit.
LIMITS = Limits(seconds_per_cell=20, seconds=60)


@pytest.fixture(scope="session")
def box() -> Sandbox:
    """The sandbox of this machine; without one these tests fail, on Linux."""
    if sys.platform != "linux":
        pytest.skip("sandboxes are for Linux")
    return find()


@pytest.fixture(scope="session")
def bare() -> Iterator[Runner]:
    """Without a sandbox: for what only such runs can do, or has to be prevented there."""
    with Runner(limits=LIMITS, seed=7, hash_seed=11) as runner:
        yield runner


@pytest.fixture(scope="session")
def boxed(box: Sandbox) -> Iterator[Runner]:
    with Runner(limits=LIMITS, seed=7, hash_seed=11, sandbox=box) as runner:
        yield runner


@pytest.fixture(params=["bare", "boxed"])
def runner(request: pytest.FixtureRequest) -> Runner:
    """Each in its turn."""
    found: Runner = request.getfixturevalue(request.param)
    return found
