"""What is in hand of a module that is being graded, and the order in which results are written.

    files of autograded/ -> gradebook -> feedback -> receipt

A process that is killed in between leaves a submission without its receipt, and so one that the
next run grades again, over what was written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from onsite.course.layout import Layout
from onsite.files import write_atomically
from onsite.grading.feedback import write_feedback
from onsite.grading.gradebook import Entry, Writer
from onsite.grading.ledger import Receipts
from onsite.grading.outcome import Grade
from onsite.grading.restore import SubmissionError
from onsite.grading.submission import Submission, read_submitted
from onsite.grading.summary import Line

#: The gradebook is written after so many submissions, or seconds.
BATCH, BATCH_SECONDS = 100, 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """Who is told what happens meanwhile.

    `line` is called with each submission's line; `grade` with what was handed in and what came of
    it; `wait` with a sentence when there is something to wait for.
    """

    line: Callable[[Line], None] = lambda line: None
    grade: Callable[[Submission, Grade], None] = lambda submission, grade: None
    wait: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True, slots=True)
class _Written:
    """What waits for its receipt: a submission's digest, its line, its files of autograded/."""

    digest: str
    line: Line
    files: list[str]


class Recorder:
    """Reads submissions, and writes what comes of them; `lines` has one for each so far.

    Args:
        layout: the course.
        module: the assignment.
        topics: its notebooks.
        book: the gradebook.
        receipts: what is graded already.
        staging: from `ledger.only_grader`.
        report: who is told meanwhile.
    """

    def __init__(
        self,
        layout: Layout,
        module: str,
        topics: Iterable[str],
        *,
        book: Writer,
        receipts: Receipts,
        staging: Path,
        report: Report,
    ) -> None:
        self.lines: list[Line] = []
        self._layout = layout
        self._module = module
        self._topics = tuple(topics)
        self._book = book
        self._receipts = receipts
        self._staging = staging
        self._report = report
        self._in_hand: dict[str, tuple[Submission, str]] = {}  # with its digest
        self._written: list[_Written] = []
        self._flushed = time.monotonic()

    def to_grade(self, students: Iterable[str], *, again: bool) -> Iterator[bytes]:
        """The students' submissions, as bytes; unless `again`, those that have no receipt."""
        for student in students:
            try:
                submission = read_submitted(self._layout, student, self._module, self._topics)
            except (SubmissionError, OSError) as error:
                # its folder's name may hold anything, and a line is printed
                name = student if student.isprintable() else ascii(student)
                self._tell(Line(name, "not graded", problem=str(error)))
                continue
            data = submission.to_bytes()
            digest = blake2b(data, digest_size=16).hexdigest()
            if not again and (line := self._receipts.find(student, digest)):
                self._tell(line)
                continue
            self._in_hand[student] = submission, digest
            yield data

    def take(self, grade: Grade) -> None:
        """Write what came of a submission; all of it is safe after the next `flush`."""
        submission, digest = self._in_hand.pop(grade.student)
        self._report.grade(submission, grade)
        line = Line.of(grade)
        if not grade.problem:
            self._receipts.withdraw(grade.student)
            files = self._store(submission, grade)
            self._book.add(grade.student, submission.submitted, _entries(grade))
            self._written.append(_Written(digest, line, files))
        self._tell(line)
        if len(self._written) >= BATCH or time.monotonic() - self._flushed >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Bring gradebook, feedback and receipts in step with the files."""
        self._book.flush()
        students = [each.line.student for each in self._written]
        write_feedback(self._layout, self._module, students, staging=self._staging)
        for each in self._written:
            if each.line.status == "graded":
                self._receipts.write(each.digest, each.line, each.files)
        self._written.clear()
        self._flushed = time.monotonic()

    def _tell(self, line: Line) -> None:
        self.lines.append(line)
        self._report.line(line)

    def _store(self, submission: Submission, grade: Grade) -> list[str]:
        """Write the executed notebooks, each in one step; the files' names."""
        folder = self._layout.autograded / grade.student / grade.module
        executed = {
            f"{topic.topic}.ipynb": topic.executed for topic in grade.topics if not topic.problem
        }
        unchanged = {f"{topic.topic}.ipynb" for topic in grade.topics if topic.problem}
        for stale in folder.glob("*.ipynb"):
            if stale.name not in executed and stale.name not in unchanged:
                stale.unlink()
        if submission.submitted is not None:
            executed["timestamp.txt"] = f"{submission.submitted.isoformat(' ')} UTC\n".encode()
        for name, content in executed.items():
            write_atomically(folder / name, content, staging=self._staging)
        return list(executed)


def _entries(grade: Grade) -> dict[str, Entry | None]:
    entries: dict[str, Entry | None] = dict.fromkeys(grade.missing)
    for topic in grade.topics:
        if not topic.problem:
            entries[topic.topic] = Entry(topic.scores, topic.unanswered)
    return entries
