"""Scores in nbgrader's own tables, as nbgrader would have written them.

Whatever writes the same rows, nbgrader's formgrader, feedback and export read them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties, SaveCells
from sqlalchemy.exc import SAWarning
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from onsite.course.layout import Layout
from onsite.grading.evolve import adapt_cells, complete_submissions
from onsite.grading.score import Score

CONFIG = "nbgrader_config.py"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gradebook is to hold of one notebook of a submission.

    `unanswered` says of each cell that the student was to write whether it is untouched.
    """

    scores: tuple[Score, ...]
    unanswered: Mapping[str, bool]


def nbgrader_config(layout: Layout) -> Config:
    """Nbgrader's configuration for this course: its own file at the root, if there is one."""
    config = Config()
    if (layout.root / CONFIG).is_file():
        config = PyFileConfigLoader(CONFIG, path=str(layout.root)).load_config()
    config.CourseDirectory.root = str(layout.root)
    return config


def database(config: Config) -> str:
    """The address of the gradebook that this configuration names."""
    return str(CourseDirectory(config=config).db_url)


@contextmanager
def _open(db_url: str) -> Iterator[Gradebook]:
    """The gradebook, without what SQLAlchemy 2 has to say about nbgrader's use of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        with Gradebook(db_url) as book:
            yield book


def register(db_url: str, module: str, masters: Mapping[str, NotebookNode]) -> None:
    """Make sure that the gradebook knows a module's notebooks and their cells.

    A fresh clone has no gradebook, since `nbgrader generate_assignment` was run by someone else.

    Args:
        db_url: the gradebook.
        module: the assignment's name.
        masters: its notebooks by name, from `restore.master`.
    """
    with _open(db_url) as book:
        book.update_or_create_assignment(module)
        stale = [
            name for name, notebook in masters.items() if _differs(book, module, name, notebook)
        ]
        for name in stale:
            adapt_cells(book, module, name, masters[name])
    for name in stale:
        resources = {"nbgrader": {"notebook": name, "assignment": module, "db_url": db_url}}
        SaveCells().preprocess(masters[name], resources)
    if stale:
        with _open(db_url) as book:
            complete_submissions(book, module)


def _differs(book: Gradebook, module: str, name: str, notebook: NotebookNode) -> bool:
    try:
        known = book.find_notebook(name, module)
    except MissingEntry:
        return True
    rows = {cell.name: (cell.source, cell.checksum) for cell in known.source_cells}
    return rows != {
        cell.metadata.nbgrader["grade_id"]: (cell.source, cell.metadata.nbgrader.get("checksum"))
        for cell in notebook.cells
        if any(cell.metadata.get("nbgrader", {}).get(k) for k in ("grade", "solution", "locked"))
    }


def record(
    config: Config,
    module: str,
    student: str,
    submitted: datetime | None,
    entries: Mapping[str, Entry | None],
) -> None:
    """Write the grades of one submission; a score that a person gave is never touched.

    Args:
        config: nbgrader's configuration.
        module: the assignment.
        student: who handed in; made if unknown.
        submitted: when, in UTC without a zone, as nbgrader has it.
        entries: what each notebook earned; None for one that was not handed in, which earns
            nothing. A notebook that is not named keeps what it has.
    """
    db_url = database(config)
    with _open(db_url) as book:
        book.update_or_create_student(student)
        when = {} if submitted is None else {"timestamp": submitted}
        submission = book.update_or_create_submission(module, student, **when)
        late = submission.total_seconds_late > 0
        for name, entry in entries.items():
            notebook = book.find_submission_notebook(name, module, student)
            _write(notebook, entry)
            late = late or notebook.late_submission_penalty is not None
        book.db.commit()
    if late:
        for name, entry in entries.items():
            if entry is not None:
                AssignLatePenalties(config=config).preprocess(
                    new_notebook(),
                    {
                        "nbgrader": {
                            "notebook": name,
                            "assignment": module,
                            "student": student,
                            "db_url": db_url,
                        }
                    },
                )


def _write(notebook: object, entry: Entry | None) -> None:
    """Fill in a submitted notebook's rows, as nbgrader's SaveAutoGrades does."""
    earned = {score.cell: score.points for score in entry.scores} if entry else {}
    for grade in notebook.grades:  # type: ignore[attr-defined]
        if entry is None:
            grade.auto_score, grade.needs_manual_grade = 0, False
        elif grade.name in earned:
            grade.auto_score = earned[grade.name]
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
    if entry is not None:
        for comment in notebook.comments:  # type: ignore[attr-defined]
            if comment.name in entry.unanswered:
                untouched = entry.unanswered[comment.name]
                comment.auto_comment = "No response." if untouched else None
