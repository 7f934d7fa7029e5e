"""`onsite submit MODULE`: work/MODULE -> submitted/ -> graded -> feedback.

It is what a learner alone does with nbgrader's own folders, so that an instructor's tools read the
result: submitted/STUDENT/MODULE with a timestamp, autograded/, the gradebook, and feedback pages.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade

from onsite.course.layout import Layout
from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError, sentence, suggestion
from onsite.grading.assignment import read_assignment
from onsite.grading.grade import grade_module
from onsite.grading.grader import LIMITS
from onsite.grading.outcome import Grade
from onsite.grading.recorder import Report
from onsite.grading.sandbox import Sandbox
from onsite.grading.submission import STAGING
from onsite.grading.workers import LocalWorkers
from onsite.study.workspace import version_of

LONGEST_MESSAGE = 300  # characters

_CHECK = re.compile(r"(?P<exercise>.+)-check-\d+")


@dataclass(frozen=True, slots=True)
class HandIn:
    """What was handed in: the folder, and what a learner should know about it, as sentences."""

    folder: Path
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Points of one exercise or written answer, and the messages of the checks that failed.

    `by_person` is true of a written answer, which has no points before somebody has read it.
    """

    topic: str
    name: str
    earned: float
    possible: float
    failed: tuple[str, ...]
    by_person: bool


def student_name(named: str | None) -> str:
    """The student to hand in for: as named, else the user's own name made fit for a folder.

    Raises:
        OnsiteError: the given name cannot be a folder's.
    """
    if named is not None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", named):
            raise OnsiteError(
                f"--student {named!r} cannot be a folder's name; "
                "use letters, digits, `.`, `-` and `_`, and no `.` or `-` first."
            )
        return named
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = ""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", user).strip(".-") or "learner"


def hand_in(layout: Layout, module: str, student: str) -> HandIn:
    """Copy the module's notebooks from work/ to submitted/, in the place of an earlier hand-in.

    Raises:
        OnsiteError: there is no such module, none of its notebooks is in work/, or one of them is
            broken.
    """
    modules = [each.id for each in read_syllabus(layout.syllabus)]
    if module not in modules:
        raise OnsiteError(sentence(f"There is no module {module!r}{suggestion(module, modules)}"))
    released = sorted((layout.release / module).glob("*.ipynb"))
    if not released:
        raise OnsiteError(f"Module {module} has no notebooks yet; choose another one.")
    found: dict[str, bytes] = {}
    notes: list[str] = []
    for original in released:
        path = layout.work / module / original.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            notes.append(f"work/{module}/{original.name} is missing; it earns nothing.")
            continue
        _require_notebook(path, content)
        if version_of(content, ".ipynb") == version_of(original.read_bytes(), ".ipynb"):
            notes.append(f"work/{module}/{original.name} is as it came; nothing is solved in it.")
        found[original.name] = content
    if not found:
        raise OnsiteError(
            f"work/{module} has none of the module's notebooks; run onsite lab to get them."
        )
    folder = layout.submitted / student / module
    with _staging(layout.submitted) as staging:
        new = staging / "new"
        new.mkdir()
        for name, content in found.items():
            (new / name).write_bytes(content)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        (new / "timestamp.txt").write_text(f"{now}\n", encoding="utf-8")
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rename(staging / "old")
        new.rename(folder)
    return HandIn(folder, tuple(notes))


def grade(
    layout: Layout, module: str, student: str, sandbox: Sandbox | None
) -> tuple[list[Score], list[Path]]:
    """Grade a hand-in with the full checks, and write its feedback pages.

    Args:
        layout: the course.
        module: what was handed in.
        student: by whom.
        sandbox: None if none can be had; it is the learner's own work and machine.

    Returns:
        One score an exercise or answer, and the pages.

    Raises:
        OnsiteError: it could not be graded, which is never a score of zero; the sentence says why.
    """
    grades: list[Grade] = []
    (line,) = grade_module(
        layout,
        module,
        [student],
        partial(LocalWorkers, jobs=1, limits=LIMITS, sandbox=sandbox),
        again=True,
        report=Report(grade=lambda submission, grade: grades.append(grade)),
    )
    if line.reasons:
        raise OnsiteError(
            f"{module} is handed in but not graded ({'; '.join(line.reasons)}); "
            f"mend that and run onsite submit {module} again."
        )
    pages = sorted((layout.feedback / student / module).glob("*.html"))
    return scores(read_assignment(layout, module).masters, grades[0]), pages


def scores(originals: Mapping[str, NotebookNode], grade: Grade) -> list[Score]:
    """A grade by exercise and answer; those of a topic that was not handed in have no points."""
    graded = {topic.topic: topic for topic in grade.topics}
    found: list[Score] = []
    for topic, original in originals.items():
        cells = _graded_cells(original)
        if topic in graded:
            earned = {score.cell: score.points for score in graded[topic].scores}
            executed = nbformat.reads(graded[topic].executed.decode(), as_version=4)
            messages = {name: _messages(cell) for name, cell in _graded_cells(executed).items()}
        else:
            earned, messages = {}, {cell: ["not handed in"] for cell in cells}
        names: dict[str, list[str]] = {}
        for cell in cells:
            match = _CHECK.fullmatch(cell)
            names.setdefault(match["exercise"] if match else cell, []).append(cell)
        for name, parts in names.items():
            failed = [message for part in parts for message in messages.get(part, ())]
            found.append(
                Score(
                    topic,
                    name,
                    sum(earned.get(part) or 0.0 for part in parts),
                    sum(float(cells[part].metadata.nbgrader.points) for part in parts),
                    tuple(dict.fromkeys(failed)),
                    by_person=name in parts,
                )
            )
    return found


def _graded_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells that have points, by grade_id, in order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if is_grade(cell)}


def _messages(cell: NotebookNode) -> list[str]:
    """What made a graded cell fail, without tracebacks."""
    messages = []
    for output in cell.get("outputs", ()):
        if output.output_type == "error":
            text = _short(output.evalue)
            match output.ename:
                case "NotImplementedError":
                    messages.append("still the stub")
                case "AssertionError" if text:
                    messages.append(text)
                case name:
                    messages.append(f"{name}: {text}" if text else name)
    return messages


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def _require_notebook(path: Path, content: bytes) -> None:
    try:
        cells = json.loads(content)["cells"]
        valid = isinstance(cells, list)
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise OnsiteError(
            f"{path} is no notebook any more; mend it, or move it away and run onsite lab "
            "to get a fresh copy."
        )


@contextmanager
def _staging(submitted: Path) -> Iterator[Path]:
    """A hidden folder beside the students', for one hand-in at a time.

    It is on the same file system, so that whole folders can be renamed into place, and nbgrader
    does not see it.
    """
    submitted.mkdir(parents=True, exist_ok=True)
    with (submitted / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=submitted))
        try:
            yield staging
        finally:
            shutil.rmtree(staging)
