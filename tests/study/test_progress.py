"""Attempts and results in SQLite, from several processes at once, and in bad files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from onsite.study.progress import MIGRATIONS, Progress, ProgressError, data_folder

WRITER = """
import sys
from pathlib import Path
from onsite.study.progress import Progress
progress = Progress(Path(sys.argv[1]))
for number in range(40):
    progress.record("quota", "buckets", number % 6, 5)
    progress.see_hint(f"hint-{sys.argv[2]}", "buckets", 100)
    progress.standings()
"""


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "data" / "progress.db")


def test_nothing_is_known_and_nothing_is_made_by_asking(progress: Progress) -> None:
    assert progress.standings() == {}
    assert progress.standing("quota").attempts == 0
    assert not progress.path.exists()


def test_best_counts_and_the_latest_possible(progress: Progress) -> None:
    for earned in (2, 5, 3):
        progress.record("quota", "buckets", earned, 5)
    standing = progress.standing("quota")
    assert (standing.attempts, standing.best, standing.possible) == (3, 5, 5)
    assert standing.topic == "buckets"
    assert standing.last


def test_hints_stop_at_what_there_is(progress: Progress) -> None:
    assert [progress.see_hint("quota", "buckets", 3) for _ in range(5)] == [0, 1, 2, 3, 3]
    assert progress.standing("quota").hints == 3


def test_an_attempt_keeps_what_help_had_been_seen(progress: Progress) -> None:
    progress.record("quota", "buckets", 0, 5)
    progress.see_hint("quota", "buckets", 3)
    progress.see_solution("quota", "buckets")
    progress.record("quota", "buckets", 5, 5)
    with sqlite3.connect(progress.path) as db:
        rows = db.execute("SELECT earned, hints, solution FROM attempts ORDER BY at").fetchall()
    assert rows == [(0, 0, 0), (5, 1, 1)]
    assert progress.standing("quota").solution


@pytest.mark.slow
def test_real_processes_at_once_lose_nothing(progress: Progress) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(progress.path), str(number)])
        for number in range(5)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * 5
    standings = progress.standings()
    assert standings["quota"].attempts == 5 * 40
    assert [standings[f"hint-{number}"].hints for number in range(5)] == [40] * 5
    with sqlite3.connect(progress.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_corrupt_file_is_one_sentence(progress: Progress) -> None:
    progress.path.parent.mkdir()
    progress.path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(ProgressError, match=r"progress\.db .*move it away"):
        progress.record("quota", "buckets", 1, 5)
    with pytest.raises(ProgressError):
        progress.standings()


def test_a_folder_in_its_place_is_one_sentence(progress: Progress) -> None:
    progress.path.mkdir(parents=True)
    with pytest.raises(ProgressError, match="cannot be kept"):
        progress.see_hint("quota", "buckets", 3)


def test_a_newer_schema_is_left_alone(progress: Progress) -> None:
    progress.record("quota", "buckets", 1, 5)
    with sqlite3.connect(progress.path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ProgressError, match="newer Onsite"):
        progress.record("quota", "buckets", 1, 5)


def test_an_older_schema_is_brought_up(progress: Progress) -> None:
    progress.path.parent.mkdir()
    sqlite3.connect(progress.path).close()  # version 0: an empty file
    progress.record("quota", "buckets", 1, 5)
    with sqlite3.connect(progress.path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_failed_statement_leaves_nothing_behind(progress: Progress) -> None:
    progress.record("quota", "buckets", 1, 5)
    with pytest.raises(ProgressError), progress._transaction() as db:
        db.execute("DELETE FROM attempts")
        db.execute("no such statement")
    assert progress.standing("quota").attempts == 1


def test_the_data_folder_is_the_systems_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_DATA", "~/elsewhere")
    assert data_folder() == Path("~/elsewhere").expanduser()
    monkeypatch.delenv("ONSITE_DATA")
    assert data_folder().name == "onsite"
    assert os.path.isabs(data_folder())  # noqa: PTH117
