"""The course as one learner sees it: modules, topics, and how far each is.

It is read from the syllabus, from release/ and from the learner's progress, which is what the
learner has; notebooks/ is not needed and may be in the middle of an author's edit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from onsite.course.layout import Layout
from onsite.course.model import Module, TopicPlan
from onsite.course.syllabus import read_syllabus
from onsite.study.progress import Standing

State = Literal["coming", "not started", "in progress", "done"]

LEVELS = ("junior", "mid", "senior")
FREQUENCIES = ("uncommon", "medium", "common", "very common")


@dataclass(frozen=True, slots=True)
class TopicView:
    """One topic: its plan, and `earned` of `possible` points over its exercises."""

    plan: TopicPlan
    state: State
    earned: float
    possible: float
    last: str

    @property
    def key(self) -> str:
        """`module/topic`, which is also the notebook's place below work/ without its ending."""
        return f"{self.plan.module}/{self.plan.id}"

    @property
    def level(self) -> str:
        """The highest level that its questions are asked at."""
        return max((q.level for q in self.plan.questions), key=LEVELS.index, default="")

    @property
    def frequency(self) -> str:
        """How often the most frequent of its questions is asked."""
        return max((q.frequency for q in self.plan.questions), key=FREQUENCIES.index, default="")


@dataclass(frozen=True, slots=True)
class ModuleView:
    """One module and its topics, written ones first."""

    module: Module
    topics: tuple[TopicView, ...]

    @property
    def written(self) -> tuple[TopicView, ...]:
        """The topics that can be studied."""
        return tuple(topic for topic in self.topics if topic.state != "coming")

    @property
    def coming(self) -> tuple[TopicView, ...]:
        """The topics that are planned."""
        return tuple(topic for topic in self.topics if topic.state == "coming")


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole course, as far as one learner is."""

    modules: tuple[ModuleView, ...]

    @property
    def topics(self) -> tuple[TopicView, ...]:
        """Every topic that can be studied, in course order."""
        return tuple(topic for module in self.modules for topic in module.written)

    @property
    def earned(self) -> float:
        """Points reached in the whole course."""
        return sum(topic.earned for topic in self.topics)

    @property
    def possible(self) -> float:
        """Points there are in the whole course."""
        return sum(topic.possible for topic in self.topics)

    @property
    def next(self) -> TopicView | None:
        """Where to go on: the topic last worked on, else the first that is not done."""
        open_topics = [topic for topic in self.topics if topic.state != "done"]
        started = [topic for topic in open_topics if topic.state == "in progress"]
        if started:
            return max(started, key=lambda topic: topic.last)
        return open_topics[0] if open_topics else None


def read_overview(layout: Layout, standings: Mapping[str, Standing]) -> Overview:
    """Read how the course is and how far the learner is, by `standings` of exercises.

    Raises:
        OnsiteError: the syllabus is broken.
    """
    modules = _syllabus(layout.syllabus, *_version(layout.syllabus))
    return Overview(
        tuple(
            ModuleView(
                module, tuple(_topic_view(layout, plan, standings) for plan in module.topics)
            )
            for module in modules
        )
    )


def _topic_view(layout: Layout, plan: TopicPlan, standings: Mapping[str, Standing]) -> TopicView:
    notebook = layout.release / plan.module / f"{plan.id}.ipynb"
    try:
        points = _points(notebook, *_version(notebook))
    except (OSError, ValueError):
        return TopicView(plan, "coming", 0, 0, "")
    touched = [standings[exercise] for exercise in points if exercise in standings]
    # The course may have changed its points since.
    earned = sum(min(standing.best, points[standing.exercise]) for standing in touched)
    possible = sum(points.values())
    state: State = "not started"
    if touched:
        state = "done" if earned >= possible else "in progress"
    return TopicView(plan, state, earned, possible, max((s.last for s in touched), default=""))


def _version(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=4)
def _syllabus(path: Path, _changed: int, _size: int) -> tuple[Module, ...]:
    return read_syllabus(path)


@lru_cache(maxsize=512)
def _points(notebook: Path, _changed: int, _size: int) -> Mapping[str, float]:
    """The points of each exercise in a student notebook, by exercise id, in order.

    Raises:
        ValueError: that is no notebook.
    """
    points: dict[str, float] = {}
    try:
        for cell in json.loads(notebook.read_bytes())["cells"]:
            about = cell["metadata"].get("onsite", {})
            if about.get("role") == "check":
                worth = cell["metadata"]["nbgrader"]["points"]
                points[about["name"]] = points.get(about["name"], 0) + worth
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{notebook} is no notebook of this course") from error
    return points
