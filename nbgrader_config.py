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

# Plain `nbgrader autograde` starts real servers and runs the demos too: give a cell time.
c.ExecutePreprocessor.timeout = 300
c.Execute.timeout = 300

# Encrypt what goes to and from kernels where that is possible; they complain otherwise.
c.KernelManager.transport_encryption = "auto" if zmq.has("curve") else "disabled"
