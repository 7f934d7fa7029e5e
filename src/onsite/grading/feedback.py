"""Feedback pages: feedback/STUDENT/MODULE/TOPIC.html, one file a notebook, a few ms each.

What a page says is made in report.py. Here it becomes HTML that is self-contained, runs nothing and
loads nothing. Everything of a student's is escaped, and the page's own policy forbids scripts and
requests besides.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from onsite.course.layout import Layout
from onsite.files import write_atomically
from onsite.grading.colour import coloured
from onsite.grading.gradebook import database, nbgrader_config
from onsite.grading.marks import read_marks
from onsite.grading.report import TopicReport, report

#: Characters of one cell that a page shows; colouring more would cost seconds.
LONGEST_TEXT = 20_000
#: Students whose marks are read at once, so that memory does not grow with the class.
AT_ONCE = 500

_TICKS = re.compile(r"`([^`\n]+)`")


def write_feedback(
    layout: Layout,
    module: str,
    students: Iterable[str],
    progress: Callable[[str], object] = lambda student: None,
    *,
    staging: Path | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Write the pages of some students for what of a module was graded.

    Args:
        layout: the course.
        module: which module.
        students: whose; those who were not graded get no page.
        progress: called with each student whose pages are written.
        staging: see `write_atomically`.

    Returns:
        The pages by student; no entry where there is nothing graded.

    Raises:
        OnsiteError: the gradebook cannot be read.
    """
    sources = {
        path.stem: json.loads(path.read_bytes())
        for path in sorted((layout.source / module).glob("*.ipynb"))
    }
    db_url = database(nbgrader_config(layout))
    names = list(students)
    pages: dict[str, tuple[Path, ...]] = {}
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        marks = read_marks(db_url, module, some)
        for student in some:
            written = []
            for topic, source in sources.items():
                graded = layout.autograded / student / module / f"{topic}.ipynb"
                if (student, topic) not in marks or not graded.is_file():
                    continue
                page = layout.feedback / student / module / f"{topic}.html"
                data = graded.read_bytes()
                try:
                    said = report(source, json.loads(data), student, marks[student, topic])
                    content = render(said)
                except Exception as error:  # one odd notebook must not stop a class
                    content = _apology(topic, error)
                write_atomically(page, content.encode("utf-8", "replace"), staging=staging)
                written.append(page)
            if written:
                pages[student] = tuple(written)
            progress(student)
    return pages


def _apology(topic: str, error: Exception) -> str:
    """The page of a notebook of which none can be made; its points are in the gradebook."""
    return (
        f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>{escape(topic)}</title>"
        f"<p>{escape(topic)} was graded, and its points are in the gradebook, but no page can be "
        f"made of it ({escape(type(error).__name__)}). Show this to whoever grades.</html>\n"
    )


def render(report: TopicReport) -> str:
    """One page as HTML."""
    return _environment().get_template("feedback.html").render(report=report)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("onsite.grading"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        points=lambda value: f"{value:g}",
        ticks=_ticks,
        line=_line,
        markdown=_prose,
        answer=_answer,
        code=_code,
    )
    style = (Path(__file__).parent / "templates" / "feedback.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals.update(style=Markup(style), style_hash=f"sha256-{digest}")  # noqa: S704
    return environment


@cache
def _without_links() -> MarkdownIt:
    """The same without links: a click on a student's link to formgrader would act for you."""
    links = ("autolink", "link", "reference")
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", *links])


@cache
def _markdown() -> MarkdownIt:
    """CommonMark and tables, without HTML, links to scripts, and pictures, which it would load."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def _line(text: str) -> Markup:
    """A line of Markdown, such as a heading."""
    return Markup(_markdown().renderInline(text))  # noqa: S704 - it escapes


def _prose(text: str) -> Markup:
    """Markdown of an instructor's."""
    return Markup(_markdown().render(text))  # noqa: S704 - it escapes


def _answer(text: str) -> Markup:
    """Markdown of a student's."""
    kept, left_out = _cut(text)
    return Markup(_without_links().render(kept)) + left_out  # noqa: S704 - it escapes


def _code(source: str) -> Markup:
    """A student's Python."""
    kept, left_out = _cut(source)
    return coloured(kept) + left_out


def _ticks(text: str) -> Markup:
    """Escape `text` and show what is between backticks as code."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _cut(text: str) -> tuple[str, str]:
    """As much of a text as a page shows, and a remark if that is not all."""
    left = len(text) - LONGEST_TEXT
    return text[:LONGEST_TEXT], f"… ({left:,} characters more)" if left > 0 else ""
