"""An authored topic, opened as a notebook in JupyterLab and saved, stays the same topic."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupytext import TextFileContentsManager
from nbformat import NotebookNode
from tests.course.author import Author

from onsite.course.compiler import compile_topic
from onsite.course.reader import ATTRIBUTES

REPOSITORY = Path(__file__).parents[2]
TOPIC = "notebooks/01-basics/adding.md"
PROSE = "Write `add(a, b)`, which returns the sum of two numbers."
JUPYTER_HEADER = """jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown
      format_version: '1.3'
      jupytext_version: 1.17.0
  kernelspec:
    display_name: Python 3 (ipykernel)
    language: python
    name: python3
---
"""


class Laboratory:
    """What JupyterLab does with a topic: get it as a notebook, change it, save it."""

    def __init__(self, root: Path) -> None:
        # JupyterLab finds the settings beside the course, as in this repository.
        shutil.copy(REPOSITORY / "pyproject.toml", root)
        self.contents = TextFileContentsManager()
        self.contents.root_dir = str(root)

    def open(self) -> tuple[dict[str, Any], NotebookNode]:
        model = self.contents.get(TOPIC, type="notebook", content=True)
        return model, model["content"]

    def save(self, model: dict[str, Any]) -> None:
        self.contents.save(model, TOPIC)


@pytest.fixture
def laboratory(author: Author) -> Laboratory:
    return Laboratory(author.layout.root)


def compiled(author: Author) -> str:
    return str(nbformat.writes(compile_topic(author.topic())))


def use(notebook: NotebookNode) -> None:
    """Leave the traces that running and folding cells leaves."""
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python",
    }  # fmt: skip
    notebook.metadata["language_info"] = {"name": "python", "version": "3.13.1"}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    for number, cell in enumerate(notebook.cells, 1):
        cell.metadata |= {"trusted": True, "editable": True, "tags": [], "slideshow": {}}
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [nbformat.v4.new_output("stream", text="shown\n")]
            cell.metadata |= {
                "collapsed": True, "scrolled": True, "execution": {"shell.execute_reply": "now"},
                "jupyter": {"outputs_hidden": True, "source_hidden": True},
            }  # fmt: skip
        else:
            cell.metadata["jp-MarkdownHeadingCollapsed"] = True


def test_opening_and_saving_changes_nothing(author: Author, laboratory: Laboratory) -> None:
    before = author.text
    model, _ = laboratory.open()
    laboratory.save(model)
    assert author.text == before


def test_running_and_folding_cells_changes_nothing(author: Author, laboratory: Laboratory) -> None:
    before = author.text
    for _ in range(2):
        model, notebook = laboratory.open()
        use(notebook)
        laboratory.save(model)
        assert author.text == before


@pytest.mark.parametrize(
    "topic", sorted((REPOSITORY / "notebooks").glob("*/*.md")), ids=lambda path: path.stem
)
def test_the_courses_own_topics_survive(
    author: Author, laboratory: Laboratory, topic: Path
) -> None:
    before = topic.read_text(encoding="utf-8")
    author.write(before)
    model, notebook = laboratory.open()
    use(notebook)
    laboratory.save(model)
    assert author.text == before


def test_an_edit_changes_its_cell_alone(author: Author, laboratory: Laboratory) -> None:
    before = author.text
    model, notebook = laboratory.open()
    use(notebook)
    cell = next(c for c in notebook.cells if c.source == PROSE)
    cell.source = PROSE.replace("sum", "total")
    laboratory.save(model)
    assert author.text == before.replace(PROSE, PROSE.replace("sum", "total"))


def test_a_topic_with_jupytexts_own_header_compiles_to_the_same(
    author: Author, laboratory: Laboratory
) -> None:
    before = compiled(author)
    author.replace("questions: [how-to-add]\n---\n", f"questions: [how-to-add]\n{JUPYTER_HEADER}")
    assert compiled(author) == before
    model, notebook = laboratory.open()
    use(notebook)
    laboratory.save(model)
    assert compiled(author) == before
    assert author.topic().cells[0].line == author.line("# Adding numbers")


def test_a_role_that_is_new_in_the_file_is_kept(author: Author, laboratory: Laboratory) -> None:
    model, notebook = laboratory.open()
    reason = nbformat.v4.new_markdown_cell(
        "It is the same.", metadata={"survivor": "add", "change": "a - -b", "editable": True}
    )
    notebook.cells.insert(5, reason)
    laboratory.save(model)
    assert '<!-- #region survivor="add" change="a - -b" -->' in author.text
    assert [s.reason for s in author.topic().survivors] == ["It is the same."]


def test_texts_that_need_a_region_or_a_longer_fence_come_back(
    author: Author, laboratory: Laboratory
) -> None:
    model, notebook = laboratory.open()
    texts = ["One.\n\n\nTwo.", "```python\nshown = 1\n```", "| a |\n|---|\n| ü 🧮 |"]
    code = 'text = """\n```\nfenced\n```\n"""'
    notebook.cells[4:4] = [
        *map(nbformat.v4.new_markdown_cell, texts),
        nbformat.v4.new_code_cell(code),
        nbformat.v4.new_code_cell("%%bash\necho 1", metadata={"demo": "shell"}),
    ]
    laboratory.save(model)
    sources = [cell.source for cell in author.topic().cells]
    for source in (*texts, code, "%%bash\necho 1"):
        assert source in sources
    assert [c.line for c in author.topic().cells if c.source == code] == [author.line('text = """')]


def test_the_settings_know_every_attribute() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["jupytext"]
    *kept, rest = settings["cell_metadata_filter"].split(",")
    assert (sorted(kept), rest) == (sorted(ATTRIBUTES), "-all")
