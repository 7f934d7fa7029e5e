"""Formgrader, in a real browser, on the gradebook that `onsite submit` and `grade` wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from tests.browser import chromium
from tests.study.laboratory import running_lab

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "course"
MODULE, TOPIC = "01-basics", "adding"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_formgrader_shows_what_we_graded(tmp_path: Path) -> None:
    root = tmp_path / "course"
    shutil.copytree(FIXTURE, root)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    environment = {"ONSITE_ROOT": str(root), "HOME": str(tmp_path), "ONSITE_DATA": str(tmp_path)}

    def onsite(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "onsite", *arguments],
            env={**os.environ, **environment},
            check=True,
        )

    onsite("build")
    for student, folder in (("ann", "source"), ("bea", "release")):
        handed_in = root / "submitted" / student / MODULE
        handed_in.mkdir(parents=True)
        shutil.copy(root / folder / MODULE / f"{TOPIC}.ipynb", handed_in)
    onsite("grade", MODULE)

    with running_lab(environment, log=tmp_path / "lab.log") as lab, chromium() as browser:
        page = browser.new_page()
        page.goto(lab.address)  # signs in
        server = urlsplit(lab.address)._replace(path="", query="").geturl()
        page.goto(f"{server}/formgrader/gradebook/{MODULE}/{TOPIC}")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(2, timeout=60_000)
        scores = sorted(row.split("\t")[2].strip() for row in rows.all_inner_texts())
        assert [float(score.split("/")[0]) for score in scores] == [0, 5]
