"""`nbgrader autograde`, and formgrader's button for it, grade as `onsite grade` does.

nbgrader finds the submissions and writes the gradebook. In between, `SubmissionExporter` reads what
was handed in, with suspicion, and `SandboxedExecute` hands it to a Grader, which stays warm for as
long as nbgrader's process works on the same module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from logging import Logger
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import determine_grade
from traitlets import Bool

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading.assignment import read_assignment
from onsite.grading.gradebook import Writer
from onsite.grading.ledger import only_grader
from onsite.grading.nbgrader.warm import warm_grader
from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.restore import Notebook, SubmissionError, read_submission, with_unique_ids
from onsite.grading.submission import Submission, read_regular


class SubmissionExporter(NotebookExporter):
    """Reads submitted notebooks, and has the Grader of their module.

    nbgrader makes one before it touches anything, so this is where it stops, with one sentence,
    when nothing can be graded.
    """

    trust = Bool(
        False, help="Grade without a sandbox where none can be had: submissions then run as you."
    ).tag(config=True)

    parent: Autograde

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]  # nbconvert's
        course = self.parent.coursedir
        self.layout = Layout(Path(course.root))
        try:
            assignment = read_assignment(self.layout, course.assignment_id)
            self.grader = warm_grader(assignment.to_bytes(), self.trust, self.log.warning)
            with Writer(self.config, assignment.module, assignment.masters):
                pass  # the gradebook now knows the module's cells as they are in source/
        except OnsiteError as error:
            raise _told(self.log, error) from None
        # nbgrader has no hook around all submissions; the next thing it does is to call this.
        self.parent.convert_notebooks = partial(
            _alone, self.layout, self.log, self.parent.convert_notebooks
        )

    def from_filename(  # type: ignore[override]  # what nbgrader writes is text
        self, filename: str, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        """Read a file of submitted/, or what became of it in autograded/.

        Raises:
            NbGraderException: it is no notebook that can be graded. The others still are.
        """
        path = Path(filename)
        try:
            data = read_regular(path)
            if data is None:
                raise SubmissionError(f"{path.name} is gone")
            submitted = Notebook(with_unique_ids(read_submission(data)), {})
        except SubmissionError as error:
            raise NbGraderException(f"{filename} is not graded: {error}") from None
        resources = resources if resources is not None else {}
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        notebook = nbformat.reads(submitted.to_bytes().decode(), as_version=4)
        result: tuple[str, dict[str, Any]] = self.from_notebook_node(notebook, resources, **more)
        return result


def _alone(layout: Layout, log: Logger, convert: Callable[[], None]) -> None:
    """Convert as the one process that grades this course.

    Raises:
        NbGraderException: another one does. Formgrader, all of which would stand still meanwhile,
            does not wait for that.
    """

    def refuse(who: str) -> None:
        raise OnsiteError(f"{who}, so nothing was done; run this again when that has ended.")

    try:
        with only_grader(layout, refuse):
            convert()
    except OnsiteError as error:
        raise _told(log, error) from None


def _told(log: Logger, error: OnsiteError) -> NbGraderException:
    """What nbgrader ends with, after its log has said why."""
    log.error("%s", error)
    return NbGraderException(str(error))


class SandboxedExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's Execute: restores a notebook and runs it in the sandbox.

    `--no-execute` does not concern it. The scores of a notebook that was not run here would be
    the student's own.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Grade one notebook, and leave the outputs by which nbgrader gives it the same points.

        Raises:
            NbGraderException: it could not be graded, which is never a zero.
        """
        place = resources["nbgrader"]
        student, module, topic = place["student"], place["assignment"], place["notebook"]
        self._drop_other_files(student, module)
        data = nbformat.writes(nb).encode()
        submission = Submission(student, module, None, {topic: data})
        grade = Grade.from_bytes(self.parent.grader.grade(submission.to_bytes()))
        if problem := grade.problem or grade.topics[0].problem:
            raise NbGraderException(f"{topic} of {student} is not graded: {problem}")
        return agreeing(grade.topics[0]), resources

    def _drop_other_files(self, student: str, module: str) -> None:
        """Take what else was handed in out of autograded/ again.

        Formgrader serves that folder from its own address, where a student's HTML would run.
        """
        layout = self.parent.layout
        folder = layout.autograded / student / module
        for path in folder.rglob("*"):
            place = path.relative_to(folder)
            ours = place.suffix == ".ipynb" or (layout.source / module / place).is_file()
            if not ours and place != Path("timestamp.txt") and not path.is_dir():
                path.unlink()


def agreeing(graded: TopicGrade) -> NotebookNode:
    """The executed notebook, of which nbgrader's own rules give every check our score.

    They differ for a check that claims more than its maximum: it earns nothing here, and stops
    nbgrader there.
    """
    notebook: NotebookNode = nbformat.reads(graded.executed.decode(), as_version=4)
    scores = {score.cell: score for score in graded.scores}
    for cell in notebook.cells:
        score = scores.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if score is None or score.points is None:
            continue
        try:
            agreed = determine_grade(cell)[0] == score.points
        except ValueError:
            agreed = False
        if not agreed and score.points == 0:
            why = f"the check claims more than its {score.max_points:g} points"
            # First, because nbgrader looks no further than what decides.
            error = new_output("error", ename="PartialCreditError", evalue=why, traceback=[why])
            cell.outputs.insert(0, error)
    return notebook
