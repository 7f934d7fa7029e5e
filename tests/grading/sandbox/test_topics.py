"""The course's own solutions get full points in a sandbox, with servers of their own."""

from __future__ import annotations

import pytest
from tests.grading.sandbox.solutions import complaints, modules

from onsite.course.layout import find_layout

LAYOUT = find_layout()


@pytest.mark.slow
@pytest.mark.parametrize("module", modules(LAYOUT))
def test_every_module(module: str) -> None:
    assert [*complaints(LAYOUT, module)] == []
