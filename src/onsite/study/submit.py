"""`onsite submit MODULE`: work/MODULE -> submitted/ -> graded -> feedback.

It is what a learner alone does with nbgrader's own folders, so that an instructor's tools read the
result: submitted/STUDENT/MODULE with a timestamp, autograded/, the gradebook, and feedback pages.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onsite.course.layout import Layout
from onsite.course.reader import suggestion
from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError
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
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", named):
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
        raise OnsiteError(f"There is no module {module!r}{suggestion(module, modules)}.")
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


def grade(layout: Layout, module: str, student: str) -> None:
    """Grade what was handed in, with the full checks, into autograded/ and the gradebook."""
    from onsite.grading.grade import grade_module

    grade_module(layout, module, students=(student,))


def make_feedback(layout: Layout, module: str, student: str) -> list[Path]:
    """Let nbgrader make the feedback pages of a graded hand-in.

    Raises:
        OnsiteError: nbgrader could not; the sentence has its reason.
    """
    from nbgrader.converters import GenerateFeedback
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.db_url = f"sqlite:///{layout.gradebook}"
    coursedir = CourseDirectory(
        root=str(layout.root), assignment_id=module, student_id=student, config=config
    )
    converter = GenerateFeedback(coursedir=coursedir, config=config)
    converter.force = True  # an earlier hand-in's pages make way
    converter.log = logging.getLogger("onsite.feedback")
    converter.log.setLevel(logging.CRITICAL)
    try:
        converter.start()
    except NbGraderException as error:
        reason = " ".join(str(error).split())
        raise OnsiteError(
            f"nbgrader made no feedback for {module} ({reason}); "
            f"run nbgrader generate_feedback {module} --student {student} to see why."
        ) from error
    return sorted((layout.feedback / student / module).glob("*.html"))


def read_scores(layout: Layout, module: str, student: str) -> list[Score]:
    """The points in autograded/, by nbgrader's own rules, one entry an exercise or answer.

    A notebook that was not handed in has its exercises with no points.
    """
    import nbformat
    from nbgrader.utils import determine_grade

    scores: list[Score] = []
    for original in sorted((layout.source / module).glob("*.ipynb")):
        graded = layout.autograded / student / module / original.name
        path = graded if graded.exists() else original
        cells: dict[str, list[tuple[Any, float, float]]] = {}
        for cell in nbformat.read(path, as_version=4).cells:
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade"):
                match = _CHECK.fullmatch(about["grade_id"])
                name = match["exercise"] if match else about["grade_id"]
                earned, possible = determine_grade(cell) if path is graded else (0, about["points"])
                cells.setdefault(name, []).append((cell, earned or 0.0, possible))
        for name, parts in cells.items():
            messages = [message for cell, _, _ in parts for message in _messages(cell)]
            if path is original:
                messages = ["not handed in"]
            scores.append(
                Score(
                    original.stem,
                    name,
                    sum(earned for _, earned, _ in parts),
                    sum(possible for _, _, possible in parts),
                    tuple(dict.fromkeys(messages)),
                    by_person=all(cell.cell_type == "markdown" for cell, _, _ in parts),
                )
            )
    return scores


def _messages(cell: Any) -> Iterator[str]:
    """What a graded cell's errors say, without their tracebacks."""
    for output in cell.get("outputs", ()):
        if output.output_type != "error":
            continue
        text = " ".join(output.evalue.split())
        if len(text) > LONGEST_MESSAGE:
            text = f"{text[:LONGEST_MESSAGE]}…"
        match output.ename:
            case "NotImplementedError":
                yield "still the stub"
            case "AssertionError" if text:
                yield text
            case name:
                yield f"{name}: {text}" if text else name


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
        staging = Path(tempfile.mkdtemp(prefix=".handing-in-", dir=submitted))
        try:
            yield staging
        finally:
            shutil.rmtree(staging)
