"""Onsite: a notebook course for the senior Python backend interview.

The package has layers, and imports point down only::

    cli -> study, teaching -> grading -> course, services

`%load_ext onsite` in a notebook gives the learner's magics and the course's chart style.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# Whatever reads a notebook imports nbformat, that jsonschema, and that, if it can, a grammar of
# international addresses, which no notebook's schema asks for and which takes 0.7 to 4 seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the learner's magics and the chart style to `shell` (IPython calls this)."""
    # Imported here so that `import onsite` alone stays cheap for the command line.
    from onsite.study import notebook

    notebook.load(shell)
