"""The pages themselves: in files, and in a browser with a hostile student's text in them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.browser import chromium
from tests.grading.graded import MODULE, TOPIC, executed, source
from tests.grading.test_report import MARKS, WRONG

from onsite.course.layout import Layout
from onsite.grading import feedback
from onsite.grading.feedback import LONGEST_TEXT, render, write_feedback
from onsite.grading.gradebook import Entry, Writer, nbgrader_config
from onsite.grading.marks import Mark, Marks, Note
from onsite.grading.report import report
from onsite.grading.restore import master
from onsite.grading.score import Score

ATTACK = (
    "</pre></code></style></title><script>document.title='pwned'</script>"
    "<img src=x onerror=\"document.title='pwned'\"><svg onload=\"document.title='pwned'\">"
)
WRITTEN = (
    f"{ATTACK}\n\n[click](javascript:document.title='pwned') ![](http://127.0.0.1:9/pixel.png)\n\n"
    "[look](http://localhost:8888/formgrader) <http://localhost:8888> [x]\n\n[x]: /formgrader\n\n"
    "<a href='javascript:1'>x</a> [data](data:text/html,<script>1</script>) `</code>`\n\n"
    f"| {ATTACK} | b |\n|---|---|\n| 1 | 2 |\n\n<iframe srcdoc='<script>1</script>'>\n"
)


def hostile() -> str:
    """A page in which everything that comes from a student attacks."""
    error = (f"Error{ATTACK}", f"`{ATTACK}`", [f"  line 1, in f: '''{ATTACK}'''"])
    answers = {"add": f"'''{ATTACK}'''\nx = (\n", "say-it": WRITTEN}
    errors = {"add": error, "add-check-1": error, "own": error}
    nb = executed(answers, errors, own=f"raise ValueError({ATTACK!r})")
    marks = Marks(MARKS.marks, {"say-it": Note("", ATTACK)}, penalty=1)
    return render(report(source(), nb, "eve", marks))


def test_a_page_is_harmless_whoever_wrote_in_it(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(hostile(), encoding="utf-8")
    with chromium() as browser:
        # Without its own policy, so that the escaping is what is tested.
        for bypass in (True, False):
            page = browser.new_page(bypass_csp=bypass)
            requested: list[str] = []
            page.on("request", lambda request, seen=requested: seen.append(request.url))
            page.goto(path.as_uri())
            assert page.title() == "Adding numbers: 0 of 7 points"
            assert requested == [path.as_uri()]
            assert page.locator("script, img, svg, iframe, object, form, base").count() == 0
            # Links lead to parts of the page only.
            assert hrefs(page)
            assert all(address.startswith("#") for address in hrefs(page))
            assert page.evaluate(
                "[...document.querySelectorAll('*')].every(e => "
                "[...e.attributes].every(a => !a.name.startsWith('on')))"
            )
            assert page.locator("pre", has_text="<script>").count() == 2
            assert page.locator(".frame code", has_text="<script>").count() == 3


def hrefs(page: Page) -> list[str]:
    return [link.get_attribute("href") or "" for link in page.locator("[href]").all()]


def test_the_policy_of_a_page_forbids_scripts(tmp_path: Path) -> None:
    """If the escaping ever failed, the browser would still refuse to run what is in the page."""
    path = tmp_path / "page.html"
    path.write_text(hostile().replace("<main>", f"<main>{ATTACK}"), encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())
        assert page.locator("script").count() == 1
        assert page.title() == "Adding numbers: 0 of 7 points"
        # The style that belongs to the page is allowed.
        assert page.evaluate("getComputedStyle(document.querySelector('section')).borderRadius")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_a_phone_and_both_themes(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(hostile(), encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (shade == "rgb(18, 22, 29)") == (scheme == "dark")


def test_what_a_person_has_said_is_shown() -> None:
    marks = Marks(
        {**MARKS.marks, "say-it": Mark(None, 1.5)},
        {"say-it": Note("", "Say *why*.")},
        penalty=1,
    )
    page = render(report(source(), executed({"add": WRONG, "say-it": "I add."}), "ann", marks))
    assert "Say <em>why</em>." in page
    assert "1 point less, because it was handed in late" in page
    assert "What a strong answer reaches" in page
    assert "yet to read" not in page
    unread = render(report(source(), executed({"say-it": "I add."}), "ann", MARKS))
    assert "A person has yet to read this." in unread
    assert "from left to right" not in unread


def test_very_long_text_is_cut() -> None:
    nb = executed({"add": "x = 1\n" * LONGEST_TEXT, "say-it": "word " * LONGEST_TEXT})
    page = render(report(source(), nb, "ann", MARKS))
    assert f"({5 * LONGEST_TEXT:,} characters more)" in page
    assert f"({4 * LONGEST_TEXT:,} characters more)" in page


# --- files --------------------------------------------------------------------------------------


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A course in which ann and bea are graded, and cy is not."""
    found = Layout(tmp_path)
    original = json.dumps(source()).encode()
    (found.source / MODULE).mkdir(parents=True)
    (found.source / MODULE / f"{TOPIC}.ipynb").write_bytes(original)
    config = nbgrader_config(found)
    with Writer(config, MODULE, {TOPIC: master(original)}) as book:
        for student in ("ann", "bea"):
            folder = found.autograded / student / MODULE
            folder.mkdir(parents=True)
            (folder / f"{TOPIC}.ipynb").write_text(json.dumps(executed({"add": WRONG})))
            book.add(student, None, {TOPIC: Entry((Score("add-check-2", 1, 1),), {})})
    (found.autograded / "cy" / MODULE).mkdir(parents=True)
    return found


def test_pages_are_written_for_those_who_were_graded(layout: Layout) -> None:
    told: list[str] = []
    pages = write_feedback(layout, MODULE, ["ann", "bea", "cy", "nobody"], told.append)
    assert told == ["ann", "bea", "cy", "nobody"]
    expected = {
        name: (layout.feedback / name / MODULE / f"{TOPIC}.html",) for name in ("ann", "bea")
    }
    assert pages == expected
    assert "1</strong> of 7 points" in expected["ann"][0].read_text(encoding="utf-8")
    assert {path.name for path in layout.feedback.iterdir()} == {"ann", "bea"}
    assert expected["ann"][0].stat().st_mode & 0o777 == 0o644


def test_a_page_on_its_way_is_where_a_killed_grader_is_cleaned_up(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []
    original = tempfile.mkstemp

    def made(*args: object, dir: Path, **more: object) -> tuple[int, str]:  # noqa: A002
        folders.append(dir)
        return original(*args, dir=dir, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(tempfile, "mkstemp", made)
    assert write_feedback(layout, MODULE, ["ann"], staging=tmp_path)
    assert folders == [tmp_path]


def test_the_gradebook_is_read_in_portions(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "AT_ONCE", 1)
    asked: list[list[str]] = []
    original = feedback.read_marks

    def read(db_url: str, module: str, students: list[str]) -> object:
        asked.append(students)
        return original(db_url, module, students)

    monkeypatch.setattr(feedback, "read_marks", read)
    assert set(write_feedback(layout, MODULE, ["ann", "bea"])) == {"ann", "bea"}
    assert asked == [["ann"], ["bea"]]


def test_a_notebook_of_which_no_page_can_be_made_stops_nobody_elses(layout: Layout) -> None:
    odd = layout.autograded / "ann" / MODULE / f"{TOPIC}.ipynb"
    odd.write_text('{"cells": 1}')
    pages = write_feedback(layout, MODULE, ["ann", "bea"])
    assert "no page can be made of it (TypeError)" in pages["ann"][0].read_text(encoding="utf-8")
    assert "1</strong> of 7 points" in pages["bea"][0].read_text(encoding="utf-8")
