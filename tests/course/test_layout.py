"""Which course this process works on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.course.author import Author

from onsite.course.layout import Layout, find_layout
from onsite.errors import OnsiteError


def test_the_environment_names_the_course(author: Author) -> None:
    assert find_layout() == author.layout
    assert find_layout().syllabus.is_file()


def test_without_it_the_checkout_is_the_course(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONSITE_ROOT")
    assert find_layout() == Layout(Path(__file__).resolve().parents[2])


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_ROOT", str(tmp_path / "nothing"))


def test_a_folder_without_syllabus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnsiteError) as raised:
        find_layout()
    assert str(raised.value) == (
        f"ONSITE_ROOT names {tmp_path / 'nothing'}, which has no notebooks/syllabus.yml; "
        "set ONSITE_ROOT to a checkout of the course."
    )
