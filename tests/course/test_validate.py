"""What `nbgrader validate` says: source/ passes, every graded cell of release/ fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.course.author import Author

from onsite.course.build import build


def validate(author: Author, folder: str) -> str:
    command = Path(sys.executable).with_name("nbgrader")
    return subprocess.run(
        [command, "validate", f"{folder}/01-basics/adding.ipynb"],
        cwd=author.layout.root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.slow
def test_nbgrader_validates_source_and_refuses_release(author: Author) -> None:
    course = author.course()
    build(author.layout, course, course.topics)
    assert validate(author, "source") == "Success! Your notebook passes all the tests.\n"
    refused = validate(author, "release")
    # Three checks, and the answer that nobody wrote.
    assert refused.startswith("VALIDATION FAILED ON 4 CELL(S)!")
    assert refused.count("The following cell failed:") == 4
    assert refused.count("\n    NotImplementedError: \n") == 3
    assert refused.count("You did not provide a response.") == 1
    for check in ("got = add(1, 2)", "got = add(-5, 2)", "got = total([1, 2, 3], calls)"):
        assert f"The following cell failed:\n\n    {check}" in refused.replace(
            "    calls = Calls()\n", ""
        )
