"""`nbgrader generate_feedback`, and formgrader's button for it, write our own pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException

from onsite.course.layout import Layout
from onsite.grading.feedback import render
from onsite.grading.marks import read_marks
from onsite.grading.report import report


class FeedbackExporter(Exporter):
    """Takes the place of nbconvert's HTMLExporter in GenerateFeedback."""

    file_extension = ".html"
    output_mimetype = "text/html"
    parent: GenerateFeedback

    def from_notebook_node(  # type: ignore[override]  # a page is text
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **_more: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page of a graded notebook.

        Args:
            nb: from autograded/.
            resources: what nbgrader says of it.

        Raises:
            NbGraderException: source/ or the gradebook does not know the notebook.
        """
        resources = self._init_resources(resources)
        place = resources["nbgrader"]
        student, module, topic = place["student"], place["assignment"], place["notebook"]
        original = Layout(Path(self.parent.coursedir.root)).source / module / f"{topic}.ipynb"
        marks = read_marks(place["db_url"], module, [student])
        if (student, topic) not in marks or not original.is_file():
            raise NbGraderException(
                f"{topic} of {student} is not in the gradebook or not in source/; "
                f"grade it again by ./onsite grade {module} --student {student}."
            )
        source = json.loads(original.read_bytes())
        return render(report(source, nb, student, marks[student, topic])), resources
