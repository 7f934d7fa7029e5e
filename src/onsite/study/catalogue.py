"""Which topic a learner's kernel is about."""

from __future__ import annotations

import os
import re
from pathlib import Path

from onsite.course.layout import Layout

_NEW_VERSION = re.compile(r" \(new version .*\)$")


def open_topics(layout: Layout) -> tuple[Path, ...]:
    """The topic this kernel's notebook is of; the module's topics when only that can be told.

    Jupyter tells a kernel its notebook's path. Other front ends do not, but a kernel starts in
    its notebook's folder, which has the module's name.
    """
    session = os.environ.get("JPY_SESSION_NAME", "")
    notebook = Path(session)
    stem = _NEW_VERSION.sub("", notebook.stem)
    own = layout.notebooks / notebook.parent.name / f"{stem}.md"
    if session and own.is_file():
        return (own,)
    return tuple(sorted((layout.notebooks / Path.cwd().name).glob("*.md")))
