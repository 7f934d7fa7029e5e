"""nbgrader's configuration: its own commands and formgrader work on this course as they are.

Everything is found from this file, so the commands work from any folder of the course.
"""

import os
import sys
from pathlib import Path

import zmq

# nbgrader calls `alembic` by name, which must be found when the environment is not activated.
os.environ["PATH"] = os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", "")])

c = get_config()  # noqa: F821 - nbgrader defines it

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "source"
c.CourseDirectory.release_directory = "release"
c.CourseDirectory.submitted_directory = "submitted"
c.CourseDirectory.autograded_directory = "autograded"
c.CourseDirectory.feedback_directory = "feedback"

# `nbgrader autograde` and formgrader's button grade as `onsite grade` does: in its sandbox, by its
# rules. What was handed in is read, restored and run by these two.
c.Autograde.exporter_class = "onsite.grading.nbgrader.autograde.SubmissionExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "onsite.grading.nbgrader.autograde.SandboxedExecute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
]

# `nbgrader generate_feedback` and formgrader's button write the pages of `onsite grade`.
c.GenerateFeedback.exporter_class = "onsite.grading.nbgrader.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = []

# `nbgrader export` says what could not be graded, which it would show as a zero.
c.ExportApp.plugin_class = "onsite.grading.nbgrader.export.MarkedExport"

# Formgrader shows students' work on pages that may change grades: nothing of it may run there.
c.HTMLExporter.preprocessors = ["onsite.grading.nbgrader.harmless.Harmless"]
c.HTMLExporter.filters = {"markdown2html": "onsite.grading.nbgrader.harmless.markdown2html"}

# `nbgrader validate` still starts kernels: give a cell that starts a real server time, and encrypt
# what goes to and from them where that is possible; they complain otherwise.
c.Execute.timeout = 300
c.KernelManager.transport_encryption = "auto" if zmq.has("curve") else "disabled"
