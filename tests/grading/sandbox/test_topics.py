"""The course's own solutions get full points in a sandbox, with servers of their own."""

from __future__ import annotations

import pytest
from tests.grading.conftest import LIMITS
from tests.grading.sandbox.solutions import complaints, modules

from onsite.course.layout import find_layout
from onsite.grading.sandbox import Sandbox

LAYOUT = find_layout()


@pytest.mark.slow
@pytest.mark.parametrize("module", modules(LAYOUT))
def test_every_module(box: Sandbox, module: str) -> None:
    assert [*complaints(LAYOUT, module, box, LIMITS)] == []
