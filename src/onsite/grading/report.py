"""What is said to a student about one graded notebook, as plain data.

It is made of three things: the instructor's notebook of source/ (which exercises there are, and
what each check looks at), the executed notebook (the student's cells and what failed), and the
gradebook's marks. Of the instructor's cells nothing is taken but their names, so neither a hidden
check nor a solution can get into a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from onsite.grading.marks import Mark, Marks, Note

#: Characters of a message that are kept; one that prints a whole data set helps nobody.
LONGEST_MESSAGE = 1200
#: How many places of an error are kept; the others are in the middle of a recursion.
MOST_FRAMES = 6
#: How many cells that the student added and that failed are told of; there may be thousands.
MOST_OWN = 20

Notebook = Mapping[str, Any]
CellData = Mapping[str, Any]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: How a traceback names a place: IPython for a student's cell, our referee for a check.
_FRAME = re.compile(r"\s*(?:Cell In\[\d+\], )?line (\d{1,7})(?:, in ([\w.<>]+))?(?:\(.*\))?:? ?")
#: What stands before the text of a line in IPython's frames.
_MARGIN = re.compile(r"\s*(?:-+> *)?(?:\d+ )?")
_HEADING = re.compile(r"^#{2,5} +(.+?) *#*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_FOLDED = re.compile(r"\A<details>\s*<summary>.*?</summary>(.*)</details>\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the student's own code: the cell's name, the line's number and text."""

    cell: str
    line: int
    function: str
    code: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What made a cell fail. `error` is the exception's name; empty for a failed assertion."""

    error: str
    message: str
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check: what it looks at, what it earned, and why it failed if it did."""

    about: str
    mark: Mark
    possible: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class ExerciseReport:
    """One exercise: the student's cell, what happened when it ran, and its checks."""

    id: str
    title: str
    code: str
    untouched: bool
    failure: Failure | None
    checks: tuple[CheckReport, ...]
    comment: str

    @property
    def earned(self) -> float:
        """Points of all its checks."""
        return sum(check.mark.points for check in self.checks)

    @property
    def possible(self) -> float:
        """The most they can give."""
        return sum(check.possible for check in self.checks)


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """One written answer, in Markdown, and its rubric, which is empty until a person has graded."""

    id: str
    title: str
    text: str
    untouched: bool
    mark: Mark
    possible: float
    comment: str
    rubric: str


@dataclass(frozen=True, slots=True)
class OwnCell:
    """A cell that the student added and that failed."""

    code: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class TopicReport:
    """Everything that is said about one notebook; `own_left` are more failed cells like `own`."""

    student: str
    module: str
    topic: str
    title: str
    exercises: tuple[ExerciseReport, ...]
    answers: tuple[AnswerReport, ...]
    own: tuple[OwnCell, ...]
    marks: Marks
    own_left: int = 0

    @property
    def earned(self) -> float:
        """All points, less what was lost for being late."""
        parts = [*(e.earned for e in self.exercises), *(a.mark.points for a in self.answers)]
        return sum(parts) - self.marks.penalty

    @property
    def possible(self) -> float:
        """The most there is."""
        return sum(e.possible for e in self.exercises) + sum(a.possible for a in self.answers)

    @property
    def waiting(self) -> float:
        """The points of what a person has yet to read."""
        return sum(a.possible for a in self.answers if a.mark.waits and a.mark.manual is None)


def report(source: Notebook, executed: Notebook, student: str, marks: Marks) -> TopicReport:
    """Report on one notebook.

    Args:
        source: the instructor's notebook as JSON has it.
        executed: the restored and executed notebook of the student, of autograded/.
        student: whose it is.
        marks: what the gradebook holds of it.
    """
    place = source["metadata"].get("onsite", {})
    mine = _Submission(source, executed)
    exercises, answers = [], []
    for cell, grade_id, title in _written_by_students(source):
        note = marks.notes.get(grade_id, Note())
        untouched, comment = bool(note.automatic), note.manual
        if "points" not in cell["metadata"]["nbgrader"]:
            exercises.append(
                ExerciseReport(
                    grade_id,
                    title,
                    mine.text(grade_id),
                    untouched,
                    mine.failure(grade_id),
                    tuple(
                        CheckReport(
                            check["metadata"].get("onsite", {}).get("about") or check_id,
                            marks.marks.get(check_id, Mark()),
                            float(check["metadata"]["nbgrader"]["points"]),
                            mine.failure(check_id),
                        )
                        for check_id, check in _checks(source, grade_id)
                    ),
                    comment,
                )
            )
        else:
            mark = marks.marks.get(grade_id, Mark())
            answers.append(
                AnswerReport(
                    grade_id,
                    title,
                    mine.text(grade_id),
                    untouched,
                    mark,
                    float(cell["metadata"]["nbgrader"]["points"]),
                    comment,
                    "" if mark.manual is None else _rubric(source, grade_id),
                )
            )
    return TopicReport(
        student,
        place.get("module", ""),
        place.get("topic", ""),
        place.get("title") or _title(source),
        tuple(exercises),
        tuple(answers),
        tuple(islice(mine.own_failures(), MOST_OWN)),
        marks,
        max(0, mine.count_own_failures() - MOST_OWN),
    )


# --- the instructor's notebook ------------------------------------------------------------------


def _written_by_students(source: Notebook) -> Iterator[tuple[CellData, str, str]]:
    """Each cell that students write, its grade_id, and the heading that it stands under."""
    heading = ""
    for cell in source["cells"]:
        if cell["cell_type"] == "markdown" and "onsite" not in cell["metadata"]:
            for found in _HEADING.finditer(_FENCE.sub("", _text(cell))):
                heading = found[1]
        meta = cell["metadata"].get("nbgrader", {})
        if meta.get("solution") or meta.get("task"):
            yield cell, meta["grade_id"], heading or meta["grade_id"]
            # Two exercises under one heading are told apart by their names.
            heading = ""


def _checks(source: Notebook, exercise: str) -> Iterator[tuple[str, CellData]]:
    """An exercise's checks; in a notebook that is not of our making those below it."""
    above = ""
    for cell in source["cells"]:
        meta = cell["metadata"].get("nbgrader", {})
        if meta.get("solution") and not meta["grade"]:
            above = meta["grade_id"]
        name = cell["metadata"].get("onsite", {}).get("name", above)
        if meta.get("grade") and not meta["solution"] and name == exercise:
            yield meta["grade_id"], cell


def _title(source: Notebook) -> str:
    """The first heading of a notebook that is not of our making."""
    texts = (_text(cell) for cell in source["cells"] if cell["cell_type"] == "markdown")
    headings = (found[1] for text in texts if (found := _HEADING.search(_FENCE.sub("", text))))
    return next(headings, "Feedback")


def _rubric(source: Notebook, answer: str) -> str:
    for cell in source["cells"]:
        if cell["metadata"].get("onsite") == {"role": "rubric", "name": answer}:
            folded = _FOLDED.match(_text(cell))
            return (folded[1] if folded else _text(cell)).strip()
    return ""


# --- the student's notebook ---------------------------------------------------------------------


class _Submission:
    """The executed notebook, by grade_id, and which of its cells the student wrote."""

    def __init__(self, source: Notebook, executed: Notebook) -> None:
        theirs = {
            cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]
            for cell in source["cells"]
            if "nbgrader" in cell["metadata"]
        }
        given = {_text(cell).strip() for cell in source["cells"]}
        self._cells: dict[str, CellData] = {}
        #: The lines of what the student wrote, by what the cell is called.
        self._code: list[tuple[str, list[str]]] = []
        self._own: list[CellData] = []
        for cell in executed["cells"]:
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if grade_id in theirs:
                self._cells.setdefault(grade_id, cell)
            if cell["cell_type"] != "code":
                continue
            if grade_id in theirs:
                if not theirs[grade_id]["solution"]:
                    continue
                name = grade_id
            elif _text(cell).strip() in given:
                continue
            else:
                name = "a cell of your own"
                self._own.append(cell)
            self._code.append((name, _text(cell).splitlines()))

    def text(self, grade_id: str) -> str:
        """What the student wrote there."""
        return _text(self._cells[grade_id]) if grade_id in self._cells else ""

    def failure(self, grade_id: str) -> Failure | None:
        """What made that cell fail."""
        return self._failure(self._cells[grade_id]) if grade_id in self._cells else None

    def own_failures(self) -> Iterator[OwnCell]:
        """The cells that the student added and that failed."""
        for cell in self._own:
            if failure := self._failure(cell):
                yield OwnCell(_text(cell), failure)

    def count_own_failures(self) -> int:
        """How many there are."""
        return sum(
            any(output["output_type"] == "error" for output in cell.get("outputs", ()))
            for cell in self._own
        )

    def _failure(self, cell: CellData) -> Failure | None:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                name, message = output["ename"], output["evalue"].strip()
                frames = tuple(self._frames(output["traceback"]))
                if len(frames) > MOST_FRAMES:
                    frames = (*frames[: MOST_FRAMES // 2], *frames[-MOST_FRAMES // 2 :])
                if name == "AssertionError" and message:
                    return Failure("", _short(message))
                return Failure(name, _short(message), frames)
        return None

    def _frames(self, traceback: Sequence[str]) -> Iterator[Frame]:
        """The student's part of a traceback.

        A place counts only if the student has a cell with that text in that line, so whatever a
        traceback shows of other cells stays out.
        """
        for entry in traceback:
            plain = _ANSI.sub("", entry)
            if not (found := _FRAME.match(plain)):
                continue
            number, function = int(found[1]), found[2] or ""
            texts = {_MARGIN.sub("", line, count=1).strip() for line in plain.splitlines()[1:]}
            texts.add(plain[found.end() :].strip())
            for name, lines in self._code:
                code = lines[number - 1].strip() if 0 < number <= len(lines) else ""
                if code and code in texts:
                    yield Frame(name, number, function, _short(code))
                    break


def _text(cell: CellData) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
