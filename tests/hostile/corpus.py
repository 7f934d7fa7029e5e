"""The hostile submissions as data; README.md says what one file holds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GROUPS = ("forge", "steal", "break", "stay", "mangle")
#: Points not earned, secrets read, things left behind, others hurt, points that were earned lost.
HARMS = ("earns", "reads", "leaves", "disturbs", "loses")
EXERCISES = ("receipt", "bucket", "deliver")
_NAMES = {"EARNS", "REPORTED", "STOCK", "CELLS", "SOLVED", "FIRST", "LAST", "make", "make_files"}
_SUBMISSION = {"CELLS", "FIRST", "LAST", "make", "make_files"}


class CorpusError(Exception):
    """A file of the corpus does not declare what it has to."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile submission and what is expected of it.

    `earns` is exactly what we must give, None where it must be reported as not graded. `reported`
    says whether a person must be told of it (None: either). `stock` is the harm that it does to
    stock nbgrader, or a sentence that says why it does none.
    """

    group: str
    name: str
    story: str
    earns: float | None
    reported: bool | None
    stock: str
    cells: dict[str, str]
    solved: tuple[str, ...]
    first: str
    last: str
    make: Callable[[bytes], bytes] | None
    make_files: Callable[[Path], None] | None

    @property
    def id(self) -> str:
        """Its name in lists, and the student's id."""
        return f"{self.group}-{self.name}"


@cache
def attacks() -> tuple[Attack, ...]:
    """Every file of the five groups.

    Raises:
        CorpusError: a file says too little, or something that nobody reads.
    """
    return tuple(read(path) for group in GROUPS for path in sorted((HERE / group).glob("*.py")))


def read(path: Path) -> Attack:
    """One file.

    Raises:
        CorpusError: it says too little, or something that nobody reads.
    """
    spec = importlib.util.spec_from_file_location(f"hostile_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    said: dict[str, Any] = {
        name: value
        for name, value in vars(module).items()
        if name in _NAMES or (name.isupper() and not name.startswith("_"))
    }
    story = (module.__doc__ or "").strip()
    complaints = [
        *([] if len(story.split()) >= 12 else ["has no story of two or three sentences"]),
        *[f"has {name}, which nobody reads" for name in said if name not in _NAMES],
        *[f"lacks {name}" for name in ("EARNS", "STOCK") if name not in said],
        *([] if _SUBMISSION & said.keys() else ["submits nothing"]),
    ]
    stock = said.get("STOCK", "")
    if stock not in HARMS and len(stock.split()) < 4:
        complaints.append(f"says of STOCK neither one of {HARMS} nor why it does no harm")
    solved = tuple(said.get("SOLVED", ()))
    complaints += [f"solves {name!r}, which is no exercise" for name in {*solved} - {*EXERCISES}]
    if complaints:
        raise CorpusError(f"{path.parent.name}/{path.name} {'; '.join(complaints)}")
    return Attack(
        group=path.parent.name,
        name=path.stem.replace("_", "-"),
        story=story,
        earns=said["EARNS"],
        reported=said.get("REPORTED"),
        stock=stock,
        cells=said.get("CELLS", {}),
        solved=solved,
        first=said.get("FIRST", ""),
        last=said.get("LAST", ""),
        make=said.get("make"),
        make_files=said.get("make_files"),
    )
