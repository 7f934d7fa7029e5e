"""release/ -> work/: nothing of the learner's is ever overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.study import workspace
from onsite.study.workspace import sync

PLACE = "01-throttles/buckets.ipynb"
BESIDE = "01-throttles/buckets (new version 2026-03-04).ipynb"
DAY = date(2026, 3, 4)


def publish(layout: Layout, *sources: str) -> None:
    """Put a notebook with these cells into release/."""
    path = layout.release / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(*sources), encoding="utf-8")


def notebook(*sources: str) -> str:
    cells = [
        {"cell_type": "markdown", "id": f"c{n}", "metadata": {}, "source": [source]}
        for n, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


def test_what_is_missing_is_copied(layout: Layout) -> None:
    publish(layout, "one")
    (layout.release / "01-throttles" / "data").mkdir()
    (layout.release / "01-throttles" / "data" / "rows.csv").write_text("a,b\n")
    report = sync(layout)
    assert report.copied == [PLACE, "01-throttles/data/rows.csv"]
    assert (layout.work / PLACE).read_bytes() == (layout.release / PLACE).read_bytes()
    assert (layout.work / "01-throttles/data/rows.csv").read_text() == "a,b\n"
    again = sync(layout)
    assert (again.copied, again.updated, again.beside) == ([], [], [])


def test_an_untouched_copy_follows_the_course(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    publish(layout, "two")
    assert sync(layout).updated == [PLACE]
    assert sources(layout.work / PLACE) == ["two"]


def test_a_copy_that_was_only_opened_and_run_follows_too(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    opened = json.loads((layout.work / PLACE).read_text())
    opened["metadata"] = {"language_info": {"version": "3.13"}}
    (layout.work / PLACE).write_text(json.dumps(opened, indent=1))
    publish(layout, "two")
    assert sync(layout).updated == [PLACE]


def test_a_changed_copy_is_kept_and_the_new_version_lands_beside_once(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    mine = notebook("one", "my solution")
    (layout.work / PLACE).write_text(mine)
    publish(layout, "two")
    assert sync(layout, DAY).beside == [BESIDE]
    assert (layout.work / PLACE).read_text() == mine
    note, *rest = sources(layout.work / BESIDE)
    assert "newer version of this topic, of 2026-03-04" in note
    assert "`buckets.ipynb`" in note
    assert rest == ["two"]
    (layout.work / BESIDE).unlink()
    assert sync(layout, date(2026, 3, 5)).beside == []


def test_each_upstream_version_lands_even_on_one_day(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    (layout.work / PLACE).write_text(notebook("mine"))
    publish(layout, "two")
    sync(layout, DAY)
    (layout.work / BESIDE).write_text(notebook("mine too"))
    publish(layout, "three")
    (second,) = sync(layout, DAY).beside
    assert second == BESIDE.replace("04)", "04 no. 2)")
    assert sources(layout.work / BESIDE) == ["mine too"]
    assert sources(layout.work / second)[1:] == ["three"]


def test_a_lost_state_file_never_costs_the_learner_anything(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    (layout.work / PLACE).write_text(notebook("mine"))
    for damage in ("{ half a fi", "[]", json.dumps({PLACE: 3})):
        (layout.work / ".onsite.json").write_text(damage)
        sync(layout, DAY)
        assert sources(layout.work / PLACE) == ["mine"]


def test_a_sync_that_was_interrupted_is_finished_by_the_next(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(layout, "one")
    sync(layout)
    (layout.work / PLACE).write_text(notebook("mine"))
    publish(layout, "two")
    with monkeypatch.context() as patched:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(workspace, "_write_state", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sync(layout, DAY)
    sync(layout, DAY)
    sync(layout, DAY)
    names = sorted(path.name for path in (layout.work / "01-throttles").iterdir())
    assert names == ["buckets (new version 2026-03-04).ipynb", "buckets.ipynb"]


@pytest.mark.slow
def test_two_at_once_make_one_result(layout: Layout) -> None:
    publish(layout, "one")
    sync(layout)
    (layout.work / PLACE).write_text(notebook("mine"))
    publish(layout, "two")
    code = (
        "from onsite.course.layout import find_layout; from onsite.study.workspace import sync;"
        "print(len(sync(find_layout()).beside))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert sorted(process.communicate(timeout=60)[0].strip() for process in running) == list("0001")
    assert len(list((layout.work / "01-throttles").iterdir())) == 2


def test_nothing_to_copy_says_so(layout: Layout) -> None:
    with pytest.raises(OnsiteError, match="run onsite build"):
        sync(layout)


def test_a_work_folder_that_is_a_file_says_so(layout: Layout) -> None:
    publish(layout, "one")
    layout.work.write_text("")
    with pytest.raises(OnsiteError, match="make the folder work/ writable"):
        sync(layout)
