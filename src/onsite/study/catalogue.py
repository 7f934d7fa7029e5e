"""Which exercises there are, found without reading a topic as a whole.

A magic must answer in a fraction of a second whatever the number of topics, so ids are found by a
search for the fences that carry them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from onsite.course.layout import Layout

_FENCE = re.compile(r"""^`{3,}\s*python\b[^\n]*?\sexercise=(["'])([^"'\n]+)\1""", re.MULTILINE)
_NEW_VERSION = re.compile(r" \(new version .*\)$")


def exercises_in(path: Path) -> tuple[str, ...]:
    """The ids of the exercises in one authored topic, in order."""
    return tuple(match[2] for match in _FENCE.finditer(path.read_text(encoding="utf-8")))


def all_exercises(layout: Layout) -> dict[str, Path]:
    """Every exercise id of the course, and the topic file it is in."""
    return {
        exercise: path
        for path in sorted(layout.notebooks.glob("*/*.md"))
        for exercise in exercises_in(path)
    }


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
