"""What an attack leaves behind: processes, files, and pages that run something when opened."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import psutil
from tests.hostile.course import Places

#: Every file that an attack plants has one of these in its name or in its text.
MARK, MARKED = "hostile", re.compile(rb"# hostile|hostile = True")
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - where attacks plant files


def processes_left() -> list[str]:
    """What still runs; killed, since it was seen."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found.append(f"process {process.name()} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return found


def files_left(places: Places) -> list[str]:
    """What an attack has planted: by name everywhere, by text outside of what was handed in."""
    own = tuple(str(places.course / name) for name in ("submitted", "autograded", "feedback"))
    base = str(places.course.parent)
    found = []
    for top in (base, *SHARED):
        for folder, folders, files in os.walk(top):
            if top in SHARED:
                folders[:] = [each for each in folders if not base.startswith(f"{folder}/{each}")]
            by_text = top == base and not folder.startswith(own)
            found += [
                f"file {folder}/{name}"
                for name in (*files, *folders)
                if MARK in name or (by_text and _has_mark(Path(folder, name)))
            ]
    return found


def _has_mark(path: Path) -> bool:
    try:
        return path.is_file() and MARKED.search(path.read_bytes()) is not None
    except OSError:
        return False


def live_in(page: Path) -> list[str]:
    """What of a page would run, or call home, in the browser of whoever reads it."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "iframe", "object", "embed", "base", "form"):
                found.append(f"<{tag}>")
            for name, value in attributes:
                address = "".join((value or "").split()).lower()
                if name.startswith("on") or address.startswith(
                    ("javascript:", "file:", "data:text")
                ):
                    found.append(f"{name}={value!r}")

    Reader().feed(page.read_text(encoding="utf-8", errors="replace"))
    return found
