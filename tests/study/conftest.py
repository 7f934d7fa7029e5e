"""A small course, a data folder of the test's own, and a shell to run magics in."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from onsite.course.layout import Layout

FIXTURE = Path(__file__).parent / "course"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A copy of the small course, which this process works on; progress is kept beside it."""
    root = tmp_path / "course with space"
    shutil.copytree(FIXTURE, root)
    monkeypatch.setenv("ONSITE_ROOT", str(root))
    monkeypatch.setenv("ONSITE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("JPY_SESSION_NAME", "somewhere/else.ipynb")
    return Layout(root)


@dataclass(frozen=True)
class Seen:
    """What a cell showed: its printed text and its mime bundles."""

    stdout: str
    bundles: list[dict[str, str]]

    @property
    def text(self) -> str:
        return "\n".join(bundle["text/plain"] for bundle in self.bundles)

    @property
    def html(self) -> str:
        return "\n".join(bundle.get("text/html", "") for bundle in self.bundles)


class Notebook:
    """A shell that runs cells like a notebook does, and gives what they show."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def __call__(self, source: str) -> Seen:
        with capture_output() as captured:
            result = self.shell.run_cell(source, store_history=True)
        result.raise_error()
        return Seen(captured.stdout, [output.data for output in captured.outputs])


@pytest.fixture
def notebook(layout: Layout) -> Iterator[Notebook]:
    """A fresh shell with the extension loaded."""
    hooks = sys.displayhook, sys.excepthook
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "onsite")
    yield Notebook(shell)
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hooks
