"""What `%load_ext onsite` does to a kernel: the learner's magics and the house chart style.

It runs in every notebook, under papermill and in graders too, so it is quick and needs neither a
front end nor the course's files.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

from matplotlib import style

from onsite.study import magics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register the magics with `shell` and apply `onsite/chart.mplstyle`."""
    style.use("onsite.chart")
    magics.register(shell)
    # What reads a topic takes a second to import; it is there before the first %check asks for it.
    if magics.person_present(shell):
        threading.Thread(
            target=importlib.import_module, args=("onsite.course.reader",), daemon=True
        ).start()
