"""The start page's view of the course, and what it makes of it."""

from __future__ import annotations

import json
import re

import pytest

from onsite.course.layout import Layout
from onsite.study.overview import read_overview
from onsite.study.progress import Progress, Standing
from onsite.study.start_page import TEMPLATES, as_json, notebook_place


@pytest.fixture
def released(layout: Layout) -> Layout:
    """The small course with one topic in release/: quota (2 + 3 points) and gate (4)."""
    cells = [
        _check("quota", 2),
        _check("quota", 3),
        {"cell_type": "markdown", "metadata": {}, "source": "text"},
        _check("gate", 4),
    ]
    path = layout.release / "01-throttles" / "buckets.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cells": cells}))
    return layout


def _check(exercise: str, points: int) -> dict[str, object]:
    metadata = {"onsite": {"role": "check", "name": exercise}, "nbgrader": {"points": points}}
    return {"cell_type": "code", "metadata": metadata, "source": ""}


def standing(exercise: str, best: float, last: str = "2026-01-01") -> Standing:
    return Standing(exercise, "buckets", attempts=1, best=best, possible=9, last=last)


def test_an_untouched_course(released: Layout) -> None:
    overview = read_overview(released, {})
    assert (overview.earned, overview.possible) == (0, 9)
    assert [topic.plan.id for topic in overview.topics] == ["buckets"]
    assert overview.topics[0].state == "not started"
    assert [len(module.coming) for module in overview.modules] == [1, 1]
    assert overview.next is not None
    assert overview.next.key == "01-throttles/buckets"


@pytest.mark.parametrize(
    ("standings", "state", "earned"),
    [
        ([standing("quota", 2)], "in progress", 2),
        ([standing("quota", 5), standing("gate", 4)], "done", 9),
        ([Standing("gate", "buckets", hints=1, last="2026")], "in progress", 0),
        ([standing("quota", 50)], "in progress", 5),  # the course took points away since
        ([standing("something-else", 5)], "not started", 0),
    ],
)
def test_progress_of_a_topic(
    released: Layout, standings: list[Standing], state: str, earned: float
) -> None:
    overview = read_overview(released, {each.exercise: each for each in standings})
    assert (overview.topics[0].state, overview.topics[0].earned) == (state, earned)


def test_a_finished_course_has_nothing_next(released: Layout) -> None:
    done = {name: standing(name, 9) for name in ("quota", "gate")}
    assert read_overview(released, done).next is None
    assert as_json(read_overview(released, done))["next"] is None


def test_the_topic_worked_on_last_is_next(released: Layout) -> None:
    second = released.release / "01-throttles" / "queues.ipynb"
    second.write_text(json.dumps({"cells": [_check("queue", 1), _check("bound", 1)]}))
    standings = {
        "quota": standing("quota", 1, "2026-02-01"),
        "queue": standing("queue", 1, "2026-02-02"),
    }
    following = read_overview(released, standings).next
    assert following is not None
    assert following.plan.id == "queues"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": [{}]}', '{"cells": 3}'])
def test_a_broken_release_notebook_does_not_break_the_page(released: Layout, content: str) -> None:
    (released.release / "01-throttles" / "buckets.ipynb").write_text(content)
    assert read_overview(released, {}).topics == ()


def test_a_rebuilt_notebook_is_read_again(released: Layout) -> None:
    assert read_overview(released, {}).possible == 9
    path = released.release / "01-throttles" / "buckets.ipynb"
    path.write_text(json.dumps({"cells": [_check("quota", 20)]}))
    assert read_overview(released, {}).possible == 20


def test_the_page_has_no_external_resource_and_escapes_titles(released: Layout) -> None:
    text = released.syllabus.read_text().replace("Counting what may pass", "<b>a & b</b>")
    released.syllabus.write_text(text)
    overview = read_overview(released, {"quota": standing("quota", 2)})
    page = TEMPLATES.get_template("start_page.html").render(
        overview=overview, warning="", progress=as_json(overview), services={}, lab="/x/lab",
        folder="/x/lab/tree/work",
    )  # fmt: skip
    assert "<b>a" not in page
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in page
    assert 'href="/x/lab/tree/work/01-throttles/buckets.ipynb"' in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    assert all(a.startswith(("/x/", "#", "data:")) for a in addresses)
    assert not re.search(r"@import|url\(", page)


def test_addresses_are_escaped() -> None:
    assert notebook_place("a b/c#d") == "tree/work/a%20b/c%23d.ipynb"


def test_progress_file_moves_the_page(released: Layout) -> None:
    Progress().record("quota", "buckets", 3, 5)
    report = as_json(read_overview(released, Progress().standings()))
    topic = {"earned": 3, "possible": 9, "state": "in progress"}
    assert report["topics"] == {"01-throttles/buckets": topic}
    assert report["next"]["started"] is True
