"""Formgrader shows students' work on pages that may change grades: nothing of it may run there.

`Harmless` takes from a graded notebook what nbconvert's templates would put on a page as it is, and
`markdown2html` does so for Markdown, once it has become HTML. What is left: text, tables, pictures.

Links lead nowhere: a click on a student's link to this very server would act for the instructor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner
from nbconvert.filters import markdown2html as render_markdown
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from pygments.token import STANDARD_TYPES

#: What one page shows at most. A parser needs time that grows with the square of the open tags.
LONGEST_TEXT, LONGEST_PAGE, MOST_TAGS = 20_000, 1_000_000, 4_000
MOST_OUTPUTS = 50  # of a cell

# fmt: off
TAGS = frozenset((
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del",
    "details", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd",
    "li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
))
# fmt: on
#: No class of the page's own: they would let a student's text lie over the page's buttons.
CLASSES = frozenset({"dataframe", "highlight", *STANDARD_TYPES.values()})
PICTURES = {"image/png", "image/jpeg", "image/gif"}

_NUMBER = re.compile(r"\d{1,4}")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_PICTURE = re.compile(
    r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*|[\w-][\w./-]*\.(png|jpe?g|gif|webp)"
)
_UNSEEN = re.compile(r"<(style|script)\b", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z]")
#: What leads away or looks like the page's own in a formula, which the page's MathJax sets.
_IN_FORMULAS = re.compile(
    r"\\(href|url|class|cssId|style|data|require|unicode|csname|bbox|mmlToken)(?![A-Za-z])"
)


class Harmless(Preprocessor):
    """Leaves of a notebook what can be shown safely."""

    enabled = True

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Every cell gets its share of what a page may hold, the first ones first."""
        room = Room()
        nb.metadata = NotebookNode(language_info={"name": "python"})
        for cell in nb.cells:
            marks = cell.metadata.get("nbgrader")
            cell.metadata = NotebookNode(nbgrader=marks) if marks else NotebookNode()
            cell.pop("attachments", None)
            cell.source = room.text(cell.source)
            if cell.cell_type == "code":
                outputs = [_output(output, room) for output in cell.outputs[:MOST_OUTPUTS]]
                if len(cell.outputs) > MOST_OUTPUTS:
                    outputs.append(_remark(f"{len(cell.outputs) - MOST_OUTPUTS} outputs more"))
                cell.outputs = outputs
            elif not room.tags(cell.source):
                cell.source = "*(more HTML than is shown on a page)*"
        return nb, resources


class Room:
    """What is left of a page."""

    def __init__(self) -> None:
        self._characters, self._tags = LONGEST_PAGE, MOST_TAGS

    def text(self, text: str) -> str:
        """As much of a text as fits."""
        kept = text[: min(LONGEST_TEXT, self._characters)]
        self._characters -= len(kept)
        left = len(text) - len(kept)
        return kept if not left else f"{kept}\n… ({left:,} characters more)"

    def tags(self, html: str) -> bool:
        """Whether the tags of that text fit."""
        if len(html) > LONGEST_PAGE or (count := len(_TAG.findall(html))) > self._tags:
            return False
        self._tags -= count
        return True


def _output(output: NotebookNode, room: Room) -> NotebookNode:
    match output.output_type:
        case "stream":
            return NotebookNode(output, text=room.text(output.text))
        case "error":
            lines = room.text("\n".join(output.traceback)).splitlines()
            return NotebookNode(output, traceback=lines)
        case "display_data" | "execute_result":
            shown = NotebookNode(
                output_type=output.output_type,
                metadata=NotebookNode(_sizes(output.get("metadata", {}))),
                data=NotebookNode(_data(output.data, room)),
            )
            if output.output_type == "execute_result":
                shown["execution_count"] = None
            return shown
        case _:
            return _remark("an output of an unknown kind")


def _data(data: dict[str, Any], room: Room) -> Iterator[tuple[str, str]]:
    """The representations that can be shown; there is always one."""
    plain = data.get("text/plain")
    if not isinstance(plain, str):
        plain = f"(an output that is not shown here: {', '.join(sorted(data))})"
    yield "text/plain", room.text(plain)
    for kind, value in data.items():
        if not isinstance(value, str):
            continue
        if kind == "text/html" and room.tags(value) and (html := clean(value).strip()):
            yield kind, html
        elif kind == "text/markdown" and room.tags(value):
            yield kind, room.text(value)
        elif kind in PICTURES and _BASE64.fullmatch(value):
            yield kind, value
        elif kind == "image/svg+xml":
            # As the address of an <img>, where it can neither run nor load anything.
            yield kind, value


def _sizes(metadata: dict[str, Any]) -> Iterator[tuple[str, dict[str, int]]]:
    """How large pictures are to be: the templates write these numbers without quotes."""
    for kind, sizes in metadata.items():
        if kind in PICTURES and isinstance(sizes, dict):
            yield (
                kind,
                {
                    name: int(sizes[name])
                    for name in ("width", "height")
                    if isinstance(sizes.get(name), int | float) and 0 < sizes[name] < 10_000
                },
            )


def _remark(text: str) -> NotebookNode:
    return NotebookNode(output_type="stream", name="stdout", text=f"({text})\n")


def markdown2html(source: str) -> str:
    """Markdown as HTML that can be shown: the filter of that name in nbconvert's templates."""
    try:
        return clean(render_markdown(source))
    except Exception:  # such as a picture that is attached nowhere
        return f"<pre>{escape(source)}</pre>"


def clean(html: str) -> str:
    """HTML without what runs, loads, leads away, or disturbs the page around it."""
    if len(_TAG.findall(html)) > MOST_TAGS:
        return f"<pre>{escape(html[:LONGEST_TEXT])}</pre>"
    made = str(_CLEANER.clean(_without_unseen(html)))
    if _IN_FORMULAS.search(unescape(made)):
        return f'<div class="tex2jax_ignore">{made}</div>'  # MathJax leaves it as it is
    return made


def _without_unseen(html: str) -> str:
    """Drop styles and scripts with their content, which would otherwise be shown as text."""
    parts: list[str] = []
    at = 0
    while found := _UNSEEN.search(html, at):
        parts.append(html[at : found.start()])
        end = re.compile(f"</{found[1]}\\s*>", re.IGNORECASE).search(html, found.end())
        if end is None:
            return "".join(parts)
        at = end.end()
    return "".join([*parts, html[at:]])


def _allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay."""
    match tag, name:
        case _, "class":
            return set(value.split()) <= CLASSES
        case "img", "src":
            return bool(_PICTURE.fullmatch(value)) and ".." not in value
        case "img", "alt" | "title":
            return True
        case ("img", "width" | "height") | ("td" | "th", "colspan" | "rowspan"):
            return bool(_NUMBER.fullmatch(value))
        case ("table", "border") | ("ol", "start"):
            return bool(_NUMBER.fullmatch(value))
        case "details", "open":
            return True
    return False


class _Addresses(Filter):
    """Say where a link would have led, since it leads nowhere any more."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        links: list[tuple[str, list[str]]] = []  # of those that are open: address and text
        for token in super().__iter__():
            if token.get("name") == "a" and token["type"] == "StartTag":
                links.append((token["data"].pop((None, "href"), ""), []))
            elif token.get("name") == "a" and token["type"] == "EndTag" and links:
                address, text = links.pop()
                if not address.startswith("#") and address not in ("", "".join(text)):
                    yield {"type": "Characters", "data": f" ({address})"}
            elif links:
                links[-1][1].append(str(token.get("data", "")))
            yield token


_CLEANER = Cleaner(
    tags=TAGS,
    attributes=lambda tag, name, value: (tag, name) == ("a", "href") or _allowed(tag, name, value),
    protocols={"http", "https", "data"},
    strip=True,
    filters=[_Addresses],
)
