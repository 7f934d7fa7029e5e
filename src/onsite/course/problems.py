"""What is wrong with the form of a topic, told all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from onsite.errors import OnsiteError, sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """One form error. `line` counts from 1 (0: the file as a whole); `cell` may be empty."""

    path: Path
    line: int
    cell: str
    what: str
    cure: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        cell = f" {self.cell}:" if self.cell else ""
        return sentence(f"{place}:{cell} {self.what}; {self.cure}")


class FormError(OnsiteError):
    """Every form error that was found, each with file, line, cell and cure."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (str(p.path), p.line)))
        count = len(self.problems)
        noun = "form error" if count == 1 else "form errors"
        super().__init__("\n".join([f"{count} {noun}:", *map(str, self.problems)]))
