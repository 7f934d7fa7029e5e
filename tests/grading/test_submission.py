"""Whatever lies in submitted/: it is read, or the reason why not is one sentence."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.grading.grading import grade
from tests.grading.test_grade import MODULE, course_with, solve

from onsite.course.layout import Layout
from onsite.grading import submission as reading
from onsite.grading.grade import find_students
from onsite.grading.restore import MAX_BYTES, SubmissionError
from onsite.grading.submission import STAGING, Submission, read_regular, read_submitted


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    (layout.submitted / "ann" / MODULE).mkdir(parents=True)
    return layout


def read(layout: Layout) -> Submission:
    return read_submitted(layout, "ann", MODULE, ["adding"])


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(500 << 20)


def listening(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    os.chdir(path.parent)  # addresses are short
    server.bind(path.name)
    server.close()


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        Path.mkdir,
        listening,
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(path.name),
    ],
)
def test_only_regular_files_are_opened(
    layout: Layout, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(layout.root)  # to come back to
    make(layout.submitted / "ann" / MODULE / "adding.ipynb")
    submission = read(layout)
    assert submission.unreadable == {"adding": "adding.ipynb is not a regular file"}
    assert (submission.notebooks, submission.missing) == ({}, ())


def test_of_a_huge_file_no_more_is_read_than_says_so(layout: Layout) -> None:
    large(layout.submitted / "ann" / MODULE / "adding.ipynb")
    assert len(read(layout).notebooks["adding"]) == MAX_BYTES + 1


def test_any_bytes_travel(layout: Layout) -> None:
    data = bytes(range(256)) + "ü\U0001f600\ud800".encode("utf-8", "surrogatepass")
    (layout.submitted / "ann" / MODULE / "adding.ipynb").write_bytes(data)
    submission = read(layout)
    assert submission.notebooks == {"adding": data}
    assert Submission.from_bytes(submission.to_bytes()) == submission


@pytest.mark.parametrize(
    "name", ["-rf", "a b", "x\ny", "semi;colon", "new\u2028line", "é" * 64 + "/", "中" * 43]
)
def test_folders_that_are_no_students(layout: Layout, name: str) -> None:
    with pytest.raises(SubmissionError, match="is not named by a student id") as raised:
        read_submitted(layout, name, MODULE, ["adding"])
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("place", [Path("ann"), Path("ann", MODULE)])
def test_folders_elsewhere(layout: Layout, place: Path) -> None:
    folder = layout.submitted / place
    aside = layout.root / "aside"
    folder.rename(aside)
    folder.symlink_to(aside)
    with pytest.raises(SubmissionError, match=f"submitted/{place} is not a regular folder"):
        read(layout)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-20 10:00:00 UTC", datetime(2026, 11, 20, 10)),
        ("2026-11-20 10:00:00 Europe/Berlin", datetime(2026, 11, 20, 9)),
        ("2026-11-20T10:00:00+01:00\n", datetime(2026, 11, 20, 9)),
        ("2026-11-20 10:00:00.250000 UTC", datetime(2026, 11, 20, 10, microsecond=250_000)),
        (" ", None),
    ],
)
def test_times(layout: Layout, text: str, when: datetime | None) -> None:
    (layout.submitted / "ann" / MODULE / "timestamp.txt").write_text(text)
    assert read(layout).submitted == when


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-11-20 10:00:00 /dev/stdin",
        "2026-11-20 10:00:00 ../../dev/stdin",
        "9999999-11-20",
        "\x1b[31m",
        "1" * 199,
        "12:00001000000000000000000000000009999",
    ],
)
def test_times_that_are_none(layout: Layout, text: str) -> None:
    (layout.submitted / "ann" / MODULE / "timestamp.txt").write_text(text)
    with pytest.raises(
        SubmissionError, match=r"timestamp\.txt holds .* which is no time"
    ) as raised:
        read(layout)
    assert str(raised.value).isprintable()


def test_a_folder_that_becomes_a_link_leads_nowhere(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = layout.submitted / "ann" / MODULE
    secret = layout.root / "secret"
    secret.mkdir()
    (secret / "adding.ipynb").write_text("secret")

    def swap(path: Path, *more: Any) -> bytes | None:
        if not folder.is_symlink():
            folder.rename(folder.with_name("aside"))
            folder.symlink_to(secret)
        return read_regular(path, *more)

    monkeypatch.setattr(reading, "read_regular", swap)
    assert read(layout).notebooks == {}


def test_who_cannot_be_looked_into_is_not_passed_over(layout: Layout) -> None:
    (layout.source / MODULE).mkdir(parents=True)
    (layout.submitted / "bob").symlink_to("bob")
    assert find_students(layout, MODULE) == ["ann", "bob"]
    with pytest.raises(SubmissionError, match="submitted/bob is not a regular folder"):
        read_submitted(layout, "bob", MODULE, ["adding"])


def test_what_is_no_hand_in_is_passed_over(layout: Layout) -> None:
    (layout.source / MODULE).mkdir(parents=True)
    (layout.submitted / f"{STAGING}x" / MODULE).mkdir(parents=True)
    (layout.submitted / "empty").mkdir()
    (layout.submitted / "file").write_text("")
    assert find_students(layout, MODULE) == ["ann"]


@pytest.mark.slow
def test_nothing_stops_a_batch(tmp_path: Path) -> None:
    layout = course_with(tmp_path / "course", {"ann": solve, "zoe": solve})
    folders = {
        name: layout.submitted / name / MODULE
        for name in ("a b", "broken", "deep", "huge", "\udcff", "latin", "queue")
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    (layout.submitted / "elsewhere").symlink_to(layout.submitted / "ann")
    notebook = layout.submitted / "ann" / MODULE / "adding.ipynb"
    (folders["broken"] / "adding.ipynb").write_text('{"nbformat": 4, "cells": [{}]}')
    (folders["deep"] / "adding.ipynb").write_text("[" * 1_000_000)
    large(folders["huge"] / "adding.ipynb")
    (folders["latin"] / "adding.ipynb").write_bytes(notebook.read_bytes() + "ä".encode("latin-1"))
    os.mkfifo(folders["queue"] / "adding.ipynb")
    lines = grade(layout, MODULE)
    problems = {name: line.reasons for name, line in lines.items()}
    assert (problems.pop("ann"), problems.pop("zoe")) == ((), ())
    assert lines["zoe"].topics[0].points == 5
    odd = {name: why for name, (why,) in problems.items()}
    assert odd.pop("a b").startswith("submitted/'a b' is not named by a student id")
    assert odd.pop("'\\udcff'").startswith("submitted/'\\udcff' is not named by a student id")
    assert odd == {
        "elsewhere": "submitted/elsewhere is not a regular folder",
        "broken": "adding: the file is not a Jupyter notebook",
        "deep": "adding: the file is nested too deeply",
        "huge": "adding: the file is larger than 20 MB",
        "latin": "adding: the file is not UTF-8 text",
        "queue": "adding: adding.ipynb is not a regular file",
    }
