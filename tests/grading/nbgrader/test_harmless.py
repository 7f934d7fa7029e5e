"""Formgrader's page of a hostile submission, by nbconvert and nbgrader's own template."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
from playwright.sync_api import Error, Page
from tests.browser import chromium
from tests.grading.nbgrader import attacks
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from onsite.grading.nbgrader.harmless import MOST_TAGS, clean, markdown2html

ROOT = Path(__file__).parents[3]
RESOURCES = {
    "assignment_id": "01-basics",
    "notebook_id": "adding",
    "submission_id": "1",
    "index": 0,
    "total": 1,
    "base_url": "",
    "student": "eve",
    "notebook_path": "autograded/eve/01-basics/adding.ipynb",
}


def page_of(notebook: dict[str, Any], config: Config) -> str:
    """What formgrader's SubmissionHandler writes."""
    config = config.copy()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    exporter = HTMLExporter(config=config)
    html, _ = exporter.from_notebook_node(nbformat.from_dict(notebook), resources=dict(RESOURCES))
    return html


def ours() -> Config:
    return PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()


def look(page: Page, path: Path, html: str) -> list[str]:
    """Open a page, click all of the student's links; what it wanted to load from elsewhere."""
    path.write_text(html, encoding="utf-8")
    wanted: list[str] = []
    page.on("request", lambda request: wanted.append(request.url))
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(300)  # for what is tried a little later
    with suppress(Error):  # an attack that works leaves the page under our feet
        page.evaluate("document.querySelectorAll('a.attack').forEach(a => a.click())")
    page.wait_for_timeout(100)
    return [url for url in wanted if "evil" in url or ":9/" in url]


@pytest.mark.slow
def test_nothing_of_a_submission_runs(tmp_path: Path) -> None:
    with chromium() as browser:
        page = browser.new_page()
        # As a control: the attacks do work on nbgrader's own page.
        look(page, tmp_path / "stock.html", page_of(attacks.notebook(), Config()))
        assert page.title() in ("pwned", "file:///lab"), "the page was changed, or left"

        page = browser.new_page()
        html = page_of(attacks.notebook(), ours())
        assert look(page, tmp_path / "ours.html", html) == []
        assert page.title() == "adding"
        student = "#notebook-container"
        for selector in (
            *("script", "iframe", "form", "svg", "style", "meta", "base", "object", "embed"),
            *("#statusmessage", ".navbar-fixed-top", "a[href]", "[style*=fixed]"),
        ):
            assert page.locator(f"{student} {selector}").count() == 0, selector
        assert page.evaluate(
            f"[...document.querySelectorAll('{student} *')].every(e => "
            "[...e.attributes].every(a => !a.name.startsWith('on')))"
        )
        # What formgrader itself looks for is there once, and is its own.
        assert page.locator("#say-it").count() == 1
        assert page.locator(".full-credit").count() == page.locator(".scoring-buttons").count()
        # Tables and pictures stay readable.
        assert page.locator(".dataframe th", has_text="limit").count() == 1
        assert page.locator('img[src^="data:image/png"]').count() == 2
        assert len(html) < 1_000_000


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("[a](http://b.example/c)", "<p><a>a (http://b.example/c)</a></p>"),
        ("<http://b.example>", "<p><a>http://b.example</a></p>"),
        ("![a](plot.png)", '<p><img src="plot.png" alt="a"></p>'),
        ("![a](../../x.png)", '<p><img alt="a"></p>'),
        ("a < b & `c<d`", "<p>a &lt; b &amp; <code>c&lt;d</code></p>"),
        (
            "<details>\n<summary>Hint</summary>\n\n*Why?*\n\n</details>",
            "<details>\n<summary>Hint</summary>\n\n<p><em>Why?</em></p>\n</details>",
        ),
        ('<b style="position:fixed" id="add" class="btn" onclick="x">t</b>', "<p><b>t</b></p>"),
        ("x <script>alert(1)</script> y", "<p>x  y</p>"),
        ("x <style>p {", "<p>x "),
    ],
)
def test_markdown_keeps_what_can_be_read(source: str, html: str) -> None:
    assert markdown2html(source).strip().startswith(html)


def test_too_many_tags_are_not_parsed() -> None:
    """A parser's work grows with the square of the open tags."""
    assert clean("<div>" * (MOST_TAGS + 1)).startswith("<pre>&lt;div&gt;")


@pytest.mark.parametrize(
    "source",
    [
        r"$\href{/formgrader/}{x}$",
        r"<p>$\hr&#101;f{/formgrader/}{x}$</p>",
        r"&#92;( \x &#92;href {y}{x} )",
        r"$$\class{navbar}{x}$$",
    ],
)
def test_a_formula_that_leads_away_stays_text(source: str) -> None:
    assert markdown2html(source).startswith('<div class="tex2jax_ignore">')
    assert "tex2jax_ignore" not in markdown2html(r"$\hrefs + x^2$ and `href`")
