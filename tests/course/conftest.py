"""A copy of the small course that each test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.course.author import Author

from onsite.course.layout import Layout

FIXTURE = Path(__file__).parents[1] / "fixtures" / "course"


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Author:
    root = tmp_path / "a course"
    shutil.copytree(FIXTURE, root)
    monkeypatch.setenv("ONSITE_ROOT", str(root))
    return Author(Layout(root))
