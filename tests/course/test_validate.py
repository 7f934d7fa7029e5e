"""What `nbgrader validate` says: source/ passes, every graded cell of release/ fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.course.author import Author

from onsite.course.build import build

PLACE = "01-basics/adding.ipynb"


def validate(author: Author, folder: str) -> dict[str, list[dict[str, str]]]:
    command = Path(sys.executable).with_name("nbgrader")
    finished = subprocess.run(
        [command, "validate", "--json", f"{folder}/{PLACE}"],
        cwd=author.layout.root,
        check=True,
        capture_output=True,
        text=True,
    )
    said: dict[str, list[dict[str, str]]] = json.loads(finished.stdout)
    return said


@pytest.mark.slow
def test_nbgrader_validates_source_and_refuses_release(author: Author) -> None:
    course = author.course()
    build(author.layout, course, course.topics)
    assert validate(author, "source") == {}
    failed = validate(author, "release")["failed"]
    assert len(failed) == 4  # three checks and the answer that nobody wrote
    assert sum("NotImplementedError" in cell["error"] for cell in failed) == 3
    assert sum("did not provide a response" in cell["error"] for cell in failed) == 1
