"""notebooks/ -> source/ -> release/: what is built, what is left alone, what is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pytest
import yaml
from tests.course.author import Author

from onsite.course import build as building
from onsite.course.build import BuildReport, build, drift
from onsite.course.layout import Layout
from onsite.course.reader import read_course
from onsite.errors import OnsiteError

PLACE = "01-basics/adding.ipynb"
KEY = "01-basics/adding"


def run_build(author: Author) -> BuildReport:
    course = author.course()
    return build(author.layout, course, course.topics)


def find_drift(author: Author) -> Sequence[str]:
    course = author.course()
    return drift(author.layout, course, course.topics)


def snapshot(root: Path) -> Mapping[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def copy_topics(author: Author, modules: int, topics: int) -> None:
    """A course of copies of the fixture's topic, with ids of their own."""
    names = [(f"{m:02}-module", f"topic-{m}-{t}") for m in range(modules) for t in range(topics)]
    entries = []
    for module in dict.fromkeys(module for module, _ in names):
        plans = []
        for name in (topic for home, topic in names if home == module):
            question = {
                "id": f"how-{name}", "ask": "How?", "level": "mid", "difficulty": "easy",
                "frequency": "common", "points": ["so"],
            }  # fmt: skip
            plans.append(
                {"id": name, "title": name, "minutes": 5, "demo": "none", "build": ["add"],
                 "questions": [question]}
            )  # fmt: skip
            text = author.text.replace("how-to-add", f"how-{name}")
            for exercise in ("add", "total"):
                text = text.replace(f'="{exercise}"', f'="{exercise}-{name}"')
            path = author.layout.notebooks / module / f"{name}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        entries.append({"id": module, "title": module, "topics": plans})
    shutil.rmtree(author.path.parent)
    author.layout.syllabus.write_text(yaml.safe_dump({"modules": entries}), encoding="utf-8")


def test_an_unchanged_topic_is_not_built_again(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_build(author) == BuildReport((KEY,), (), ())
    before = snapshot(author.layout.release) | snapshot(author.layout.source)
    calls: list[object] = []
    monkeypatch.setattr(building, "generate_release", calls.append)
    monkeypatch.setattr(building.compiler, "compile_topic", calls.append)
    assert run_build(author) == BuildReport((), (KEY,), ())
    assert calls == []
    assert snapshot(author.layout.release) | snapshot(author.layout.source) == before


@pytest.mark.parametrize("change", ["text", "plan", "source", "release", "tools", "state"])
def test_a_topic_is_built_again_when_anything_behind_it_changed(
    author: Author, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_build(author)
    match change:
        case "text":
            author.replace("One number after the other.", "One by one.")
        case "plan":
            text = author.layout.syllabus.read_text(encoding="utf-8")
            author.layout.syllabus.write_text(text.replace("chart the", "plot the"))
        case "source":
            (author.layout.source / PLACE).write_text("{}")
        case "release":
            (author.layout.release / PLACE).unlink()
        case "tools":
            monkeypatch.setattr(building, "_tools", lambda: b"a newer jupytext")
        case _:
            (author.layout.build / "state.json").write_text("[1]")
    assert run_build(author) == BuildReport((KEY,), (), ())
    assert find_drift(author) == []


def test_drift_is_found_and_nothing_is_written(author: Author) -> None:
    assert find_drift(author) == [f"source/{PLACE} is missing", f"release/{PLACE} is missing"]
    assert not author.layout.source.exists()
    run_build(author)
    assert find_drift(author) == []

    release = author.layout.release / PLACE
    release.write_text(release.read_text().replace("one and two", "two and one"))
    stale = author.layout.source / "01-basics" / "gone.ipynb"
    stale.write_text("{}")
    before = snapshot(author.layout.root)
    assert find_drift(author) == [
        f"release/{PLACE} is not what notebooks/ compiles to",
        "source/01-basics/gone.ipynb has nothing behind it in notebooks/",
    ]
    assert snapshot(author.layout.root) == before
    assert run_build(author).removed == ("source/01-basics/gone.ipynb",)
    assert find_drift(author) == []


def test_a_topic_that_was_renamed_leaves_nothing_behind(author: Author) -> None:
    run_build(author)
    author.path.unlink()
    report = run_build(author)
    assert report.removed == (f"source/{PLACE}", f"release/{PLACE}")
    assert not list(author.layout.source.iterdir())
    assert not list(author.layout.release.iterdir())


def test_data_files_come_along_change_and_go(author: Author) -> None:
    data = author.path.parent / "data" / "orders.csv"
    data.parent.mkdir()
    data.write_text("id\n1\n")
    for junk in (".ipynb_checkpoints/adding-checkpoint.txt", "__pycache__/x.pyc", ".DS_Store"):
        path = author.path.parent / junk
        path.parent.mkdir(exist_ok=True)
        path.write_text("junk")
    run_build(author)
    for folder in (author.layout.source, author.layout.release):
        assert sorted(snapshot(folder)) == ["01-basics/adding.ipynb", "01-basics/data/orders.csv"]

    data.write_text("id\n2\n")
    assert find_drift(author) == [
        f"{folder}/01-basics/data/orders.csv is not what notebooks/ compiles to"
        for folder in ("source", "release")
    ]
    assert run_build(author) == BuildReport((), (KEY,), ())
    assert (author.layout.release / "01-basics/data/orders.csv").read_text() == "id\n2\n"

    data.unlink()
    left = [f"{folder}/01-basics/data/orders.csv" for folder in ("source", "release")]
    assert find_drift(author) == [f"{each} has nothing behind it in notebooks/" for each in left]
    assert run_build(author).removed == tuple(left)
    assert not (author.layout.source / "01-basics" / "data").exists()
    assert find_drift(author) == []


@pytest.mark.slow
def test_release_is_what_the_nbgrader_command_writes(author: Author, tmp_path: Path) -> None:
    (author.path.parent / "orders.csv").write_text("id\n1\n")
    run_build(author)
    plain = tmp_path / "plain"
    shutil.copytree(author.layout.source, plain / "source")
    command = Path(sys.executable).with_name("nbgrader")
    subprocess.run(
        [command, "generate_assignment", "01-basics", f"--course-dir={plain}"],
        cwd=plain,
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
    )
    ours = {name: content for name, (_, content) in snapshot(author.layout.release).items()}
    theirs = {name: content for name, (_, content) in snapshot(plain / "release").items()}
    assert ours == theirs
    assert sorted(ours) == ["01-basics/adding.ipynb", "01-basics/orders.csv"]


def test_a_refusal_by_nbgrader_leaves_no_half_written_file(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_topics(author, modules=3, topics=1)
    run_build(author)
    before = snapshot(author.layout.root)
    for path in author.layout.notebooks.glob("*/*.md"):
        path.write_text(path.read_text().replace("One number after", "One digit after"))
    generate = building.generate_release

    def refuse(sources: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
        if any(place.parts[0] == "01-module" for place in sources):
            sources = dict.fromkeys(sources, b"{")  # no notebook
        return generate(sources)

    monkeypatch.setattr(building, "generate_release", refuse)
    with pytest.raises(OnsiteError, match=r"nbgrader refused a notebook of 01-module: .*; mend"):
        run_build(author)
    for folder in (author.layout.source, author.layout.release):
        for module in ("01-module", "02-module"):
            for name, content in snapshot(folder / module).items():
                assert before[f"{folder.name}/{module}/{name}"] == content
    assert not [p for p in author.layout.root.rglob("*") if p.is_file() and ".ipynb." in p.name]

    monkeypatch.setattr(building, "generate_release", generate)
    report = run_build(author)
    assert report.built == ("01-module/topic-1-0", "02-module/topic-2-0")
    assert find_drift(author) == []


def test_progress_is_told_of_every_topic_and_modules_can_be_chosen(author: Author) -> None:
    copy_topics(author, modules=2, topics=2)
    course = read_course(author.layout)
    told: list[str] = []
    report = build(author.layout, course, course.topics[:2], told.append)
    assert told == list(report.built) == ["00-module/topic-0-0", "00-module/topic-0-1"]
    assert not (author.layout.release / "01-module").exists()


@pytest.mark.slow
def test_a_whole_course_of_71_topics(author: Author) -> None:
    """Work grows with the topics: one compile and one clearing each, one pass per module."""
    copy_topics(author, modules=71, topics=1)
    started = time.perf_counter()
    course = read_course(author.layout)
    read = time.perf_counter()
    report = build(author.layout, course, course.topics)
    built = time.perf_counter()
    build(author.layout, course, course.topics)
    again = time.perf_counter()
    assert len(report.built) == 71
    assert len(list(Layout(author.layout.root).release.glob("*/*.ipynb"))) == 71
    print(f"\n71 topics: read {read - started:.1f} s, built {built - read:.1f} s, "
          f"unchanged {again - built:.1f} s")  # fmt: skip
