"""What the learner has tried and reached, in one small SQLite file.

Several kernels write it at once, so it is in WAL mode, each operation is one short transaction on
a connection of its own, and waits for its turn instead of failing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from onsite.errors import OnsiteError

# Waiting costs a learner nothing compared with a lost result.
BUSY_SECONDS = 10.0

# One entry for each schema version; a file is brought up by running what it lacks.
MIGRATIONS = (
    """
    CREATE TABLE attempts (
        at TEXT NOT NULL,
        exercise TEXT NOT NULL,
        topic TEXT NOT NULL,
        earned REAL NOT NULL,
        possible REAL NOT NULL,
        hints INTEGER NOT NULL,
        solution INTEGER NOT NULL
    );
    CREATE INDEX attempts_exercise ON attempts (exercise);
    CREATE TABLE help (
        exercise TEXT PRIMARY KEY,
        topic TEXT NOT NULL,
        at TEXT NOT NULL,
        hints INTEGER NOT NULL DEFAULT 0,
        solution INTEGER NOT NULL DEFAULT 0
    );
    """,
)


class ProgressError(OnsiteError):
    """The progress file cannot be read or written; the text names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the learner is with one exercise.

    `best` and `possible` are points; `last` is the UTC time (ISO 8601) of the latest attempt or
    help.
    """

    exercise: str
    topic: str
    attempts: int = 0
    best: float = 0.0
    possible: float = 0.0
    hints: int = 0
    solution: bool = False
    last: str = ""


def data_folder() -> Path:
    """Where Onsite keeps the learner's own data: `ONSITE_DATA`, else the system's usual place."""
    named = os.environ.get("ONSITE_DATA")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("onsite"))


class Progress:
    """The attempts and the help seen, kept in the SQLite file at `path`.

    Every method raises ProgressError when the file is corrupt or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use the file at `path`, else `progress.db` in the data folder; nothing is opened yet."""
        self.path = path or data_folder() / "progress.db"

    def record(self, exercise: str, topic: str, earned: float, possible: float) -> None:
        """Keep one attempt: `earned` of `possible` points, now."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO attempts SELECT ?, ?, ?, ?, ?, coalesce(max(hints), 0),"
                " coalesce(max(solution), 0) FROM help WHERE exercise = ?",
                (_now(), exercise, topic, earned, possible, exercise),
            )

    def see_hint(self, exercise: str, topic: str, available: int) -> int:
        """Count one more hint as seen, up to `available`.

        Returns:
            The hints seen before this one.
        """
        with self._transaction() as db:
            before = db.execute("SELECT hints FROM help WHERE exercise = ?", (exercise,)).fetchone()
            seen = int(before[0]) if before else 0
            db.execute(
                "INSERT INTO help (exercise, topic, at, hints) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (exercise) DO UPDATE SET hints = excluded.hints, at = excluded.at",
                (exercise, topic, _now(), max(seen, min(seen + 1, available))),
            )
        return seen

    def see_solution(self, exercise: str, topic: str) -> None:
        """Remember that the solution was shown."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO help (exercise, topic, at, solution) VALUES (?, ?, ?, 1)"
                " ON CONFLICT (exercise) DO UPDATE SET solution = 1, at = excluded.at",
                (exercise, topic, _now()),
            )

    def standings(self) -> dict[str, Standing]:
        """How far every exercise is that was ever tried or helped with, by exercise id."""
        if not self.path.exists():
            return {}
        with self._transaction() as db:
            tried = db.execute(
                "SELECT exercise, topic, count(*), max(earned), possible, max(at)"
                " FROM attempts GROUP BY exercise"
            ).fetchall()
            helped = db.execute("SELECT exercise, topic, hints, solution, at FROM help").fetchall()
        helps = {exercise: rest for exercise, *rest in helped}
        standings = {}
        for exercise, topic, attempts, best, possible, last in tried:
            _, hints, solution, at = helps.get(exercise, ("", 0, 0, ""))
            standings[exercise] = Standing(
                exercise, topic, attempts, best, possible, hints, bool(solution), max(last, at)
            )
        for exercise, topic, hints, solution, at in helped:
            if exercise not in standings:
                standings[exercise] = Standing(
                    exercise, topic, hints=hints, solution=bool(solution), last=at
                )
        return standings

    def standing(self, exercise: str, topic: str = "") -> Standing:
        """How far one exercise is; an untouched one has no attempts."""
        return self.standings().get(exercise, Standing(exercise, topic))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction on an up-to-date file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                # Changing the mode needs the file for itself and ignores the busy timeout, so
                # only the one who finds it in another mode asks for it.
                if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    _use_wal(db)
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute("BEGIN IMMEDIATE")
                _migrate(db, self.path)
                yield db
                db.execute("COMMIT")
            finally:
                # Closing rolls an unfinished transaction back.
                db.close()
        except (sqlite3.Error, OSError) as error:
            raise ProgressError(
                f"your progress cannot be kept in {self.path} ({error}); make the file writable, "
                "or move it away to start a new one."
            ) from error


def _use_wal(db: sqlite3.Connection) -> None:
    """Ask for WAL mode; another kernel that holds the file at this moment asks for it too."""
    try:
        db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up, inside the caller's transaction."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise ProgressError(
            f"{path} is from a newer Onsite (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); bring Onsite up to date, or set ONSITE_DATA to another folder."
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in script.split(";"):
            db.execute(statement)  # executescript would commit first
        db.execute(f"PRAGMA user_version = {number}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
