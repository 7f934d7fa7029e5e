"""Somebody who edits a valid small course, and breaks it on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onsite.course.layout import Layout
from onsite.course.model import Course, Topic
from onsite.course.problems import FormError, Problem
from onsite.course.reader import read_course


@dataclass(frozen=True)
class Broken:
    """One edit of the fixture's topic and the one message that must come of it.

    `at` is text on the line of the edited file that the message must name; None for the file as a
    whole. `cell` and the words of `what` and `cure` must be in the message.
    """

    old: str
    new: str
    at: str | None
    cell: str
    what: str
    cure: str


@dataclass(frozen=True)
class Author:
    """Somebody who edits the fixture's topic."""

    layout: Layout

    @property
    def path(self) -> Path:
        return self.layout.notebooks / "01-basics" / "adding.md"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def replace(self, old: str, new: str) -> None:
        """Replace the first occurrence."""
        assert old in self.text, f"the fixture has no {old!r}"
        self.write(self.text.replace(old, new, 1))

    def insert_above(self, line: str, new: str) -> None:
        self.replace(line, f"{new}\n\n{line}")

    def line(self, text: str) -> int:
        """The number of the first line that holds `text`."""
        return next(n for n, line in enumerate(self.text.split("\n"), 1) if text in line)

    def course(self) -> Course:
        return read_course(self.layout)

    def topic(self) -> Topic:
        return self.course().topics[0]

    def problems(self) -> tuple[Problem, ...]:
        try:
            read_course(self.layout)
        except FormError as error:
            return error.problems
        return ()

    def expect(self, broken: Broken) -> None:
        """Break the topic and see that this is told: alone, and with place, cell and cure."""
        self.replace(broken.old, broken.new)
        problems = self.problems()
        assert len(problems) == 1, "\n".join(map(str, problems))
        message = str(problems[0])
        line = self.line(broken.at) if broken.at else 0
        place = f"{self.path}:{line}:" if line else f"{self.path}:"
        assert message.startswith(place), message
        cell = f" {broken.cell}: " if broken.cell else " "
        assert message.removeprefix(place).startswith(cell), message
        told, _, cure = message.partition("; ")
        assert broken.what in told, message
        assert broken.cure in cure, message
        assert message.endswith((".", "?"))
