"""Formgrader, in a real browser: on what `onsite grade` wrote, and grading by its own buttons."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from playwright.sync_api import Page, expect
from tests.browser import chromium
from tests.grading.nbgrader import attacks
from tests.study.laboratory import running_lab

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "course"
MODULE, TOPIC = "01-basics", "adding"
#: What the hostile student's cell does: every output of attacks.py, by IPython's own means.
SHOW = """\
import json, sys
from IPython.display import display
for output in json.loads({outputs!r}):
    if output["output_type"] == "display_data":
        display(output["data"], metadata=output["metadata"], raw=True)
    elif output["output_type"] == "stream":
        print(output["text"][:100_000])
raise type(output["ename"], (Exception,), {{}})(output["evalue"])
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course in which ann and bea are graded, and eve has handed in an attack."""
    root = tmp_path_factory.mktemp("formgrader") / "course"
    shutil.copytree(FIXTURE, root)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    onsite(root, "build")
    for student, folder in (("ann", "source"), ("bea", "release"), ("eve", "release")):
        handed_in = root / "submitted" / student / MODULE
        handed_in.mkdir(parents=True)
        shutil.copy(root / folder / MODULE / f"{TOPIC}.ipynb", handed_in)
    for student in ("ann", "bea"):
        onsite(root, "grade", MODULE, "--student", student)
    attack(root / "submitted" / "eve" / MODULE)
    return root


def attack(folder: Path) -> None:
    path = folder / f"{TOPIC}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id == "say-it":
            cell.source = attacks.WRITTEN
            cell["attachments"] = {"x.svg": {"image/svg+xml": attacks.SVG}}
        elif grade_id == "add":
            cell.source = f"'''</pre>{attacks.HTML['script']}'''\ndef add(a, b):\n    return a - b"
        cell.metadata["tags"] = ["x"]
    outputs = json.dumps(attacks.outputs())
    notebook.cells.insert(0, new_code_cell(SHOW.format(outputs=outputs)))
    notebook.metadata["title"] = attacks.HTML["script"]
    nbformat.write(notebook, path)
    (folder / "evil.html").write_text(attacks.HTML["script"])


def environment(root: Path) -> dict[str, str]:
    home = str(root.parent)
    return {"ONSITE_ROOT": str(root), "HOME": home, "ONSITE_DATA": home}


def onsite(root: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "onsite", *arguments],
        env={**os.environ, **environment(root)},
        check=True,
    )


def grades(root: Path, student: str) -> dict[str, tuple[float | None, float | None]]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        notebook = book.find_submission_notebook(TOPIC, MODULE, student)
        return {grade.name: (grade.auto_score, grade.manual_score) for grade in notebook.grades}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_instructor_grades_a_class_in_formgrader(course: Path, tmp_path: Path) -> None:
    with (
        running_lab(environment(course), log=tmp_path / "lab.log") as lab,
        chromium() as browser,
    ):
        page = browser.new_page()
        page.goto(lab.address)  # signs in
        server = urlsplit(lab.address)._replace(path="", query="").geturl()
        formgrader = f"{server}/formgrader"

        # eve is graded by formgrader's own button, in our sandbox
        page.goto(f"{formgrader}/manage_submissions/{MODULE}")
        row = page.locator("tr", has_text="eve")
        expect(row.locator(".status")).to_have_text("needs autograding", timeout=60_000)
        row.locator(".autograde a").click()
        dialog = page.locator("#success-modal")
        expect(dialog).to_be_visible(timeout=120_000)
        dialog.locator(".modal-footer button").click()
        expect(row.locator(".status")).to_have_text("needs manual grading")
        assert grades(course, "eve")["add-check-1"] == (0, None)
        assert not (course / "autograded" / "eve" / MODULE / "evil.html").exists()

        # everybody's scores, of which the others were written by `onsite grade`
        page.goto(f"{formgrader}/gradebook/{MODULE}/{TOPIC}")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(3, timeout=60_000)
        scores = sorted(row.split("\t")[2].strip() for row in rows.all_inner_texts())
        assert [float(score.split("/")[0]) for score in scores] == [0, 0, 5]

        # eve's notebook is shown, and does nothing
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
            submission = book.find_submission_notebook(TOPIC, MODULE, "eve").id
        changes = watch(page)
        page.goto(f"{formgrader}/submissions/{submission}/")
        expect(page.locator("#say-it")).to_be_visible(timeout=60_000)
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('.attack').forEach(e => e.click())")
        assert page.title() == TOPIC
        assert page.url == f"{formgrader}/submissions/{submission}/"
        student = page.locator("#notebook-container")
        assert student.locator("script, iframe, form, object, meta, base, a[href]").count() == 0
        assert student.locator("table.dataframe th", has_text="limit").count() == 1
        assert student.locator('img[src^="data:image/png"]').count() == 2
        assert changes == []
        page.screenshot(path=tmp_path / "eve.png")

        # a person gives points for the answer and says why
        page.locator("#say-it").fill("1.5")
        page.locator("#say-it-comment").fill("Say *why* <script>document.title = 1</script>")
        page.locator("#say-it").focus()
        page.wait_for_load_state("networkidle")
        assert [url for url in changes if "/api/grade/" in url or "/api/comment/" in url]
        expect(page.locator("#say-it")).to_have_value("1.5")
        assert grades(course, "eve")["say-it"] == (None, 1.5)

        # and has the feedback written
        page.goto(f"{formgrader}/manage_submissions/{MODULE}")
        row = page.locator("tr", has_text="eve")
        row.locator(".generate-feedback a").click(timeout=60_000)
        dialog = page.locator("#success-modal")
        expect(dialog).to_be_visible(timeout=60_000)
        feedback = course / "feedback" / "eve" / MODULE / f"{TOPIC}.html"
        page.goto(feedback.as_uri())
        assert page.title() == "Adding numbers: 1.5 of 7 points"
        expect(page.locator("aside")).to_contain_text("Say why <script>")

        # JupyterLab, where the same notebook can be opened, does not trust it either
        page.goto(f"{server}/lab/tree/autograded/eve/{MODULE}/{TOPIC}.ipynb")
        expect(page.locator(".jp-RenderedHTMLCommon th", has_text="limit")).to_be_visible(
            timeout=120_000
        )
        expect(page.locator(".jp-Notebook-ExecutionIndicator").first).to_have_attribute(
            "data-status", "idle", timeout=60_000
        )
        assert "pwned" not in page.title()


def watch(page: Page) -> list[str]:
    """The requests that change something, as they are made."""
    changes: list[str] = []
    page.on(
        "request", lambda request: changes.append(request.url) if request.method != "GET" else None
    )
    return changes
