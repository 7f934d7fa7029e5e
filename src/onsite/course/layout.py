"""Where things are in a checkout of the course."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from onsite.errors import OnsiteError


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one course, all below `root`, in the order in which data moves."""

    root: Path

    @property
    def notebooks(self) -> Path:
        """What people write: syllabus.yml and one Markdown notebook a topic."""
        return self.root / "notebooks"

    @property
    def source(self) -> Path:
        """Instructor notebooks, compiled from `notebooks`."""
        return self.root / "source"

    @property
    def release(self) -> Path:
        """Student notebooks, made by nbgrader from `source`."""
        return self.root / "release"

    @property
    def work(self) -> Path:
        """The learner's own copies of `release`."""
        return self.root / "work"

    @property
    def submitted(self) -> Path:
        """What was handed in: submitted/STUDENT/MODULE/TOPIC.ipynb."""
        return self.root / "submitted"

    @property
    def autograded(self) -> Path:
        """Graded notebooks, laid out like `submitted`."""
        return self.root / "autograded"

    @property
    def feedback(self) -> Path:
        """Feedback pages, laid out like `submitted`."""
        return self.root / "feedback"

    @property
    def gradebook(self) -> Path:
        """The SQLite gradebook, in nbgrader's schema."""
        return self.root / "gradebook.db"

    @property
    def build(self) -> Path:
        """Results that can be made again: executed notebooks, timings, proof reports."""
        return self.root / "build"

    @property
    def syllabus(self) -> Path:
        """The course's spine."""
        return self.notebooks / "syllabus.yml"


def find_layout() -> Layout:
    """Find the course this process works on.

    It is the folder named by `ONSITE_ROOT`, else the checkout that this package was installed from.

    Raises:
        OnsiteError: that folder has no notebooks/syllabus.yml.
    """
    named = os.environ.get("ONSITE_ROOT")
    root = Path(named).expanduser().resolve() if named else Path(__file__).resolve().parents[3]
    layout = Layout(root)
    if not layout.syllabus.is_file():
        source = "ONSITE_ROOT names" if named else "onsite is installed from"
        raise OnsiteError(
            f"{source} {root}, which has no notebooks/syllabus.yml; "
            "set ONSITE_ROOT to a checkout of the course."
        )
    return layout
