"""Which exercises there are, found without reading a topic as a whole.

A magic must answer in a fraction of a second whatever the number of topics, so ids are found by a
search for the fences that carry them, and this module imports no notebook library.
"""

from __future__ import annotations

import re
from pathlib import Path

from onsite.course.layout import Layout

_FENCE = re.compile(
    r"""^`{3,}[ \t]*python\b[^\n]*?\sexercise[ \t]*=[ \t]*(["'])([^"'\n]+)\1""", re.MULTILINE
)


def topic_files(layout: Layout) -> list[Path]:
    """Every Markdown file below notebooks/, without editors' hidden copies, in order."""
    return [
        path
        for path in sorted(layout.notebooks.rglob("*.md"))
        if not any(part[0] == "." for part in path.relative_to(layout.notebooks).parts)
    ]


def exercises_in(path: Path) -> tuple[str, ...]:
    """The ids of the exercises in one authored topic, in order; odd bytes do not matter."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return tuple(match[2] for match in _FENCE.finditer(text))


def all_exercises(layout: Layout) -> dict[str, Path]:
    """Every exercise id of the course, and the topic file it is in."""
    return {exercise: path for path in topic_files(layout) for exercise in exercises_in(path)}
