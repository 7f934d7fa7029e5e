"""JupyterLab on the start page, in a real browser, from the first click to progress that moves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser import chromium
from tests.study.laboratory import Lab, running_lab

from onsite.course.build import build
from onsite.course.layout import Layout
from onsite.course.reader import read_course

pytestmark = pytest.mark.slow

WRONG = """class Quota:
    def __init__(self, limit):
        self.left = limit

    def take(self, n=1):
        self.left -= n
        return self.left >= 0
"""
RIGHT = """class Quota:
    def __init__(self, limit):
        self.left = limit

    def take(self, n=1):
        if n > self.left:
            return False
        self.left -= n
        return True
"""
WAIT = 60_000  # milliseconds; a kernel starts slowly on a busy machine

# ONSITE_SHOTS=FOLDER keeps pictures of what the tests saw.
SHOTS = os.environ.get("ONSITE_SHOTS")


@pytest.fixture
def built(layout: Layout) -> Layout:
    """The small course with its release/."""
    course = read_course(layout)
    build(layout, course, course.topics)
    return layout


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An empty HOME, where Jupyter keeps its own files."""
    folder = tmp_path / "home"
    folder.mkdir()
    return {"HOME": str(folder), "XDG_CONFIG_HOME": "", "JUPYTER_CONFIG_DIR": "", "CI": ""}


@pytest.fixture
def lab(built: Layout, home: dict[str, str], tmp_path: Path) -> Iterator[Lab]:
    """A running lab under a base URL of its own."""
    options = ["--ServerApp.base_url=/some/where", "--Application.log_level=INFO"]
    with running_lab(home, *options, log=tmp_path / "lab.log") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as running:
        yield running


def shot(page: Page, name: str) -> None:
    """Keep a picture when asked to."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS, f"{name}.png"))


def cell(page: Page, text: str) -> Locator:
    """The code cell that has `text` in its source."""
    editor = page.locator(".jp-InputArea-editor", has_text=text)
    return page.locator(".jp-CodeCell", has=editor).first


def run(page: Page, found: Locator) -> Locator:
    """Run a cell, wait for its end, and give its outputs."""
    prompt = found.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    found.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=WAIT)
    return found.locator(".jp-OutputArea-output")


def write(page: Page, found: Locator, source: str) -> None:
    """Replace a cell's source, as somebody who types would."""
    found.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)


def test_from_the_start_page_to_progress_and_points(
    built: Layout, lab: Lab, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    foreign: list[str] = []
    context.on("request", lambda r: foreign.append(r.url) if _is_foreign(r.url) else None)
    start = context.new_page()
    start.goto(lab.address)
    card = start.locator("[data-topic='01-throttles/buckets']")
    expect(card.locator(".state")).to_have_text("not started")
    expect(start.locator("#next")).to_have_text("Start: Counting what may pass")
    expect(start.locator(".coming li").first).to_contain_text("Queues that push back")
    shot(start, "start")

    with context.expect_page() as opened:
        card.get_by_role("link").click()
    page = opened.value
    page.set_default_timeout(WAIT)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("(ipykernel) | Idle", timeout=WAIT)
    assert page.url.endswith("/some/where/lab/tree/work/01-throttles/buckets.ipynb")
    run(page, cell(page, "%load_ext onsite"))
    run(page, cell(page, "import asyncio"))

    solution = cell(page, "Let at most")
    write(page, solution, WRONG)
    solution = cell(page, "self.left >= 0")
    run(page, solution)
    visible = run(page, cell(page, "quota = Quota(5)"))
    expect(visible).to_contain_text("there must be room for 1 more")
    panel = run(page, cell(page, "%check quota"))
    expect(panel).to_contain_text("2 of 5 points")
    expect(panel).to_contain_text("there must be room for 1 more")
    shot(page, "check-wrong")
    start.bring_to_front()
    expect(card.locator(".state")).to_have_text("in progress", timeout=WAIT)
    expect(start.locator("#next")).to_have_text("Continue: Counting what may pass")
    assert start.locator("#earned").inner_text() == "2"

    page.bring_to_front()
    write(page, solution, RIGHT)
    run(page, cell(page, "n > self.left"))
    panel = run(page, cell(page, "%check quota"))
    expect(panel).to_contain_text("5 of 5 points")
    shot(page, "check-right")
    start.bring_to_front()
    expect(card.locator(".earned")).to_have_text("5", timeout=WAIT)
    expect(start.locator("#earned")).to_have_text("5")
    shot(start, "start-moved")
    assert foreign == [], "nothing may be fetched from the network"

    page.bring_to_front()
    page.keyboard.press("Control+S")
    saved = built.work / "01-throttles" / "buckets.ipynb"
    for _ in range(WAIT // 200):
        if "n > self.left" in saved.read_text():
            break
        page.wait_for_timeout(200)
    context.close()
    done = subprocess.run(
        [sys.executable, "-m", "onsite", "submit", "01-throttles", "--student", "ann"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.search(r"quota\W+5\W+5", done.stdout)
    assert re.search(r"gate\W+0\W+4", done.stdout)


def test_an_authored_topic_opens_as_a_notebook(lab: Lab, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(lab.address)  # signs in
    address = page.evaluate(
        "new URL('api/contents/notebooks/01-throttles/buckets.md', location).href"
    )
    with_type = f"{address}?type=notebook"
    content = page.request.get(with_type).json()
    assert content["type"] == "notebook"
    roles = [c["metadata"].get("exercise") for c in content["content"]["cells"]]
    assert "quota" in roles
    page.close()


def test_the_page_asks_for_the_token(lab: Lab) -> None:
    address = urlsplit(lab.address)._replace(query="").geturl()
    with urllib.request.urlopen(address) as answer:  # noqa: S310
        assert "/login" in answer.url
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}/progress")  # noqa: S310


def test_two_labs_at_once_have_ports_and_kernels_of_their_own(
    built: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    shadow = Path(home["HOME"], ".local", "share", "jupyter", "kernels", "python3")
    shadow.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "no", "language": "python"}
    (shadow / "kernel.json").write_text(json.dumps(spec))
    with (
        running_lab(home, log=tmp_path / "one.log") as one,
        running_lab(home, log=tmp_path / "two.log") as two,
    ):
        assert urlsplit(one.address).port != urlsplit(two.address).port
        for running in (one, two):
            address = urlsplit(running.address)
            specs = f"{address.scheme}://{address.netloc}/api/kernelspecs?{address.query}"
            with urllib.request.urlopen(specs) as answer:  # noqa: S310
                kernels = json.load(answer)
            assert kernels["kernelspecs"]["python3"]["spec"]["argv"][0] != "/bin/false"
            kernel = urllib.request.Request(  # noqa: S310
                f"{address.scheme}://{address.netloc}/api/kernels?{address.query}",
                data=b'{"name": "python3"}',
            )
            with urllib.request.urlopen(kernel) as answer:  # noqa: S310
                assert answer.status == 201
    # running_lab has seen that Ctrl-C left no process behind
    user = Path(home["HOME"])
    assert list((user / ".local" / "share" / "jupyter" / "runtime").glob("kernel-*")) == []
    assert list((user / ".local" / "share" / "jupyter" / "runtime").glob("jpserver-*")) == []
    assert not list((user / ".jupyter").glob("*config*"))


def _is_foreign(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and (
        urlsplit(url).hostname != "127.0.0.1"
    )
