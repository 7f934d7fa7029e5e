"""What a submission costs in the gradebook, in batches of 100, on SQLite and PostgreSQL.

Two notebooks a submission, each with eight checks and four exercises: 27 rows. New ones, the same
again, and late ones with a penalty, up to SUBMISSIONS of them, so that growth would show.

    python benchmarks/gradebook.py [SUBMISSIONS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from onsite.grading.gradebook import Entry, Writer
from onsite.grading.restore import master
from onsite.grading.score import Score
from onsite.services import postgres

BATCH = 100
EXERCISES = 4


def notebook() -> NotebookNode:
    """An instructor's notebook."""

    def cell(grade_id: str, **roles: Any) -> NotebookNode:
        meta = {"grade": False, "solution": False, "locked": False, "schema_version": 3}
        return new_code_cell("1", metadata={"nbgrader": meta | {"grade_id": grade_id} | roles})

    cells = []
    for number in range(EXERCISES):
        cells.append(cell(f"exercise-{number}", solution=True))
        cells += [
            cell(f"exercise-{number}-check-{check}", grade=True, locked=True, points=2)
            for check in (1, 2)
        ]
    return master(nbformat.writes(new_notebook(cells=cells)).encode())


def batches(book: Writer, submissions: int) -> Iterator[float]:
    """Grade so many students; milliseconds a submission of each batch."""
    entry = Entry(
        tuple(
            Score(f"exercise-{number}-check-{check}", 1.0, 2.0)
            for number in range(EXERCISES)
            for check in (1, 2)
        ),
        {f"exercise-{number}": False for number in range(EXERCISES)},
    )
    for start in range(0, submissions, BATCH):
        begun = time.perf_counter()
        for number in range(start, start + BATCH):
            book.add(f"s{number:06}", datetime(2026, 1, 2), {"one": entry, "two": entry})
        book.flush()
        yield (time.perf_counter() - begun) * 1000 / BATCH


def measure(name: str, db_url: str, submissions: int) -> None:
    """Print the rows of one database."""
    config = Config()
    config.CourseDirectory.db_url = db_url
    masters = {"one": notebook(), "two": notebook()}
    with Writer(config, "module", masters) as book:
        for what in ("new", "again", "late"):
            if what == "late":
                with Gradebook(db_url) as gradebook:
                    gradebook.update_or_create_assignment("module", duedate="2026-01-01")
            times = list(batches(book, submissions))
            tenth = max(1, len(times) // 10)
            first, last = (statistics.median(part) for part in (times[:tenth], times[-tenth:]))
            print(
                f"| {name} | {what} | {statistics.median(times):.2f} | {first:.2f} | {last:.2f} |"
            )


def main(submissions: int) -> None:
    """Print a Markdown table."""
    warnings.simplefilter("ignore", SAWarning)
    print(f"{submissions} submissions, 27 rows each, milliseconds a submission\n")
    print("| gradebook | submissions | median | first tenth | last tenth |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'gradebook.db'}", submissions)
    with postgres() as server:
        measure("PostgreSQL", server.sqlalchemy_url, submissions)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
