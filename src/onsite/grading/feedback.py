"""Feedback pages by nbgrader's own converter."""

from __future__ import annotations

import logging

from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading.gradebook import nbgrader_config


def write_feedback(layout: Layout, module: str, student: str) -> None:
    """Write feedback/STUDENT/MODULE/*.html for what was graded; nothing when nothing was.

    Raises:
        OnsiteError: nbgrader could not write it.
    """
    if not any((layout.autograded / student / module).glob("*.ipynb")):
        return
    config = nbgrader_config(layout)
    course = CourseDirectory(config=config)
    course.assignment_id, course.student_id = module, student
    converter = GenerateFeedback(coursedir=course, config=config)
    converter.force = True
    log = logging.getLogger("onsite.feedback")
    log.setLevel(logging.CRITICAL)  # what goes wrong is raised
    converter.log = log
    try:
        converter.start()
    except NbGraderException as error:
        raise OnsiteError(
            f"nbgrader could not write feedback/{student}/{module}: {error}; the grades are safe, "
            f"and `nbgrader generate_feedback {module} --student {student}` shows the log."
        ) from None
