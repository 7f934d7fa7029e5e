"""A Chromium for tests: from PATH, else Playwright's own download, else Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium(playwright: Playwright) -> str:
    """The path of a Chromium, which is installed when there is none and that is allowed.

    Raises:
        RuntimeError: there is none and none can be installed. Browser tests fail then; they are
            never skipped.
    """
    downloaded = Path(playwright.chromium.executable_path)
    for install in (None, _from_debian, _from_playwright):
        if install:
            install()
        for name in NAMES:
            if found := shutil.which(name):
                return found
        if downloaded.exists():
            return str(downloaded)
    raise RuntimeError(
        "no Chromium for the browser tests: put one on PATH, or run playwright install chromium"
    )


def _from_debian() -> None:
    if shutil.which("apt-get") and os.geteuid() == 0:
        # A new machine has no package lists yet.
        subprocess.run(["apt-get", "update", "--quiet"], check=False)
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "chromium"], check=False)


def _from_playwright() -> None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            browser.close()
