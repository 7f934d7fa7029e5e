"""What a reader stumbles over, found by machine, in every topic and every document."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from markdown_it.token import Token

from onsite.course.exercises import topic_files
from onsite.course.layout import Layout
from onsite.course.model import Cell, Topic
from onsite.course.reader import read_course

ROOT = Path(__file__).resolve().parents[1]
TOPICS = [str(path.relative_to(ROOT)) for path in topic_files(Layout(ROOT))]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
#: Words of our trade that the dictionary takes for mistakes.
WORDS = "brin,selectin,notin,nd"
CODE_COLUMNS = 88
#: Words of prose beside the exercises: AUTHORING.md asks for 900 to 2,000.
PROSE = range(900, 2_001)
#: From this length on a sentence that two topics share was copied, not met by chance; in words.
SENTENCE = 9
DRAWING = {
    *("plot", "bar", "barh", "scatter", "hist", "step", "errorbar", "boxplot", "violinplot"),
    *("fill_between", "loglog", "semilogx", "semilogy", "stackplot", "stairs", "imshow"),
}
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def topics() -> dict[str, Topic]:
    course = read_course(Layout(ROOT))
    return {str(topic.path.relative_to(ROOT)): topic for topic in course.topics}


def prose(text: str) -> str:
    """The words of a Markdown text, one block a line, without code, addresses and HTML."""
    blocks = []
    for token in MARKDOWN.parse(text):
        if token.type == "inline":
            kept = (t.content for t in token.children or () if t.type in ("text", "softbreak"))
            blocks.append(" ".join(part or " " for part in kept))
    return "\n".join(blocks)


def plain_markdown(topic: Topic) -> str:
    return "\n\n".join(
        cell.source for cell in topic.cells if (cell.kind, cell.role) == ("markdown", "plain")
    )


def sections(text: str) -> Iterator[str]:
    return iter(re.split(r"(?m)^(?=## )", text))


@pytest.mark.parametrize("name", [*TOPICS, *DOCUMENTS])
def test_spelling(name: str) -> None:
    text = prose((ROOT / name).read_text(encoding="utf-8"))
    found = subprocess.run(
        ["codespell", "--ignore-words-list", WORDS, "-"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stderr == ""
    assert found.stdout == ""


@pytest.mark.parametrize("name", [*TOPICS, *DOCUMENTS])
def test_internal_links_lead_somewhere(name: str) -> None:
    dead = []
    for target in local_targets((ROOT / name).read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        if not file.exists() or (
            anchor and anchor not in anchors(file.read_text(encoding="utf-8"))
        ):
            dead.append(target)
    assert dead == []


def local_targets(text: str) -> Iterator[str]:
    """Where the links and pictures of a Markdown text lead, if not out of this repository."""
    for token in MARKDOWN.parse(text):
        for target in filter(None, map(address, token.children or ())):
            if not re.match(r"[a-z][a-z0-9+.-]*:", target):
                yield target


def address(token: Token) -> str:
    return str(token.attrGet("href") or token.attrGet("src") or "")


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    titles = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TOPICS)
def test_links_of_a_notebook_lead_somewhere(name: str) -> None:
    notebook = ROOT / "release" / Path(name).relative_to("notebooks").with_suffix(".ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    targets = [target for text in texts for target in local_targets(text)]
    assert [each for each in targets if not (notebook.parent / each).is_file()] == []


@pytest.mark.parametrize("name", TOPICS)
def test_code_fits_a_notebook_page(name: str, topics: dict[str, Topic]) -> None:
    long = [
        f"{name}:{cell.line + offset}: {len(line)} columns"
        for cell in topics[name].cells
        if cell.kind == "code" and cell.role not in ("wrong", "alternative")
        for offset, line in enumerate(cell.source.splitlines())
        if len(line) > CODE_COLUMNS
    ]
    assert long == []


@pytest.mark.parametrize("name", TOPICS)
def test_prose_has_the_length_of_a_lesson(name: str, topics: dict[str, Topic]) -> None:
    told = [
        section
        for section in sections(plain_markdown(topics[name]))
        if not section.startswith("## Exercise")
    ]
    assert len(re.findall(r"\w+(?:['\u2019]\w+)?", prose("\n\n".join(told)))) in PROSE


def test_no_sentence_stands_in_two_topics(topics: dict[str, Topic]) -> None:
    where: dict[str, set[str]] = defaultdict(set)
    for name, topic in topics.items():
        for sentence in re.split(r"(?<=[.?!:])\s+|\n", prose(plain_markdown(topic))):
            if len(sentence.split()) >= SENTENCE:
                where[sentence].add(name)
    assert {sentence: names for sentence, names in where.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", TOPICS)
def test_charts_name_their_axes(name: str, topics: dict[str, Topic]) -> None:
    """A cell that draws names both axes, itself or by a function of the topic that does."""
    cells = [
        (cell, tree)
        for cell in topics[name].cells
        if cell.kind == "code" and cell.role in ("plain", "demo") and (tree := parse(cell))
    ]
    helpers = {
        node.name
        for _, tree in cells
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and names_axes(ast.unparse(node))
    }
    unnamed = []
    for cell, tree in cells:
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        if called & DRAWING and not called & helpers and not names_axes(cell.source):
            unnamed.append(f"{name}:{cell.line}")
    assert unnamed == []


def parse(cell: Cell) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(cell.source))


def names_axes(source: str) -> bool:
    """Each axis has a label, or ticks that are words (bars have them at one of their axes)."""
    across = re.search(r"xlabel|xticks\(.*,|xticklabels|\.bar\(", source)
    up = re.search(r"ylabel|yticks\(.*,|yticklabels|\.barh\(", source)
    return bool(across and up) or "set_axis_off" in source
