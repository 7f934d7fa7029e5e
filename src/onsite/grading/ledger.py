"""What was graded already, and that only one process grades a course at a time.

All of it is in autograded/.onsite, where nbgrader does not look: whatever lies in
autograded/STUDENT/MODULE it would copy into the student's feedback.

    lock                    held while somebody grades
    staging/                files on their way to their place
    MODULE/STUDENT.json     a receipt
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from onsite.course.layout import Layout
from onsite.files import write_atomically
from onsite.grading.summary import Line


def _home(layout: Layout) -> Path:
    return layout.autograded / ".onsite"


@contextmanager
def only_grader(layout: Layout, wait: Callable[[str], None]) -> Iterator[Path]:
    """Be the one process that grades this course; the folder for files on their way.

    Args:
        layout: the course.
        wait: told, once, who else is at work; this one then waits, unless that raises.
    """
    home = _home(layout)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            wait(f"Somebody grades this course already (process {lock.read().strip() or '?'})")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        staging = home / "staging"
        # what a killed grader left
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(staging)
        staging.mkdir()
        yield staging
        shutil.rmtree(staging, ignore_errors=True)


class Receipts:
    """What says that a submission's files and rows of the gradebook are all written.

    Args:
        layout: the course.
        module: the assignment.
        assignment: the digest of what submissions are graded against.
        totals: what the gradebook holds of each student, from `marks.read_totals`. A gradebook
            that was lost, or put back to what it was, makes receipts void.
        staging: from `only_grader`.
    """

    def __init__(
        self,
        layout: Layout,
        module: str,
        assignment: str,
        *,
        totals: Mapping[str, float],
        staging: Path,
    ) -> None:
        self._folder = _home(layout) / module
        self._graded = layout.autograded
        self._module = module
        self._assignment = assignment
        self._totals = totals
        self._staging = staging

    def find(self, student: str, submission: str) -> Line | None:
        """The line of a submission with that digest, if all that was written of it is there."""
        try:
            receipt = json.loads((self._folder / f"{student}.json").read_bytes())
            if (receipt["assignment"], receipt["submission"]) != (self._assignment, submission):
                return None
            if receipt["files"] != self._sizes(student, receipt["files"]):
                return None
            line = replace(Line.from_json(receipt["line"]), status="already graded")
            points = sum(topic.points for topic in line.topics)
            return line if math.isclose(self._totals[student], points, abs_tol=1e-6) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, submission: str, line: Line, files: Iterable[str]) -> None:
        """Say that everything is written; the last thing that is done for a submission.

        Args:
            submission: its digest.
            line: what a later summary says about it.
            files: what was written to the student's folder of autograded/, by name.
        """
        receipt = {
            "assignment": self._assignment,
            "submission": submission,
            "files": self._sizes(line.student, files),
            "line": line.to_json(),
        }
        path = self._folder / f"{line.student}.json"
        write_atomically(path, json.dumps(receipt).encode(), staging=self._staging)

    def withdraw(self, student: str) -> None:
        """Say that a submission's files and rows are being written anew."""
        (self._folder / f"{student}.json").unlink(missing_ok=True)

    def _sizes(self, student: str, names: Iterable[str]) -> dict[str, int]:
        folder = self._graded / student / self._module
        return {name: (folder / name).stat().st_size for name in names}
