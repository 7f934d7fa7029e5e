"""`nbgrader autograde`, and formgrader's button for it, grade as `onsite grade` does.

nbgrader finds the submissions and writes the gradebook; between, `SubmissionExporter` reads a
submitted file with suspicion, and `SandboxedExecute` hands it to a Grader. One Grader stays warm
for as long as nbgrader's process works on the same module.
"""

from __future__ import annotations

import atexit
import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg as _output_from_msg  # noqa: F401
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import determine_grade, is_grade

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.grading.assignment import assignment_bytes
from onsite.grading.grader import Grader
from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.restore import SubmissionError, read_submission
from onsite.grading.submission import Submission, read_regular
