from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.grading.sandbox.ordinary import OrdinaryUser

from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox


@pytest.fixture(scope="session")
def ordinary(box: Sandbox) -> Iterator[OrdinaryUser]:
    # not below pytest's own folder, which only its user may enter
    with tempfile.TemporaryDirectory() as home:
        user = OrdinaryUser(Path(home), box)
        yield user
        user.close()


@pytest.fixture(params=["this-user", "ordinary-user"])
def anybody(request: pytest.FixtureRequest) -> Runner | OrdinaryUser:
    """A sandbox of whoever runs the tests, which may be root, and of an ordinary user."""
    name = "boxed" if request.param == "this-user" else "ordinary"
    found: Runner | OrdinaryUser = request.getfixturevalue(name)
    return found
