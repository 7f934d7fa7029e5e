"""What `onsite grade` says about each submission when it is done: small, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.result import Suspicion

Status = Literal["graded", "already graded", "not graded"]


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One notebook: its points so far and at most, or the `problem` why it was not graded.

    `suspicions` are for a person to judge; the points count what was proved.
    """

    topic: str
    points: float
    max_points: float
    needs_a_person: bool
    problem: str = ""
    suspicions: tuple[Suspicion, ...] = ()

    @classmethod
    def of(cls, grade: TopicGrade) -> TopicLine:
        """The line for a grade."""
        return cls(
            grade.topic,
            grade.points,
            grade.max_points,
            grade.needs_a_person,
            grade.problem,
            grade.suspicions,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One submission; `missing` topics were not handed in."""

    student: str
    status: Status
    topics: tuple[TopicLine, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str = ""

    @classmethod
    def of(cls, grade: Grade) -> Line:
        """The line for a new grade."""
        return cls(
            grade.student,
            "graded" if grade.graded else "not graded",
            tuple(TopicLine.of(topic) for topic in grade.topics),
            grade.missing,
            grade.problem,
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Line:
        """The line that `to_json` wrote.

        Raises:
            KeyError, TypeError: it wrote something else.
        """
        return cls(
            content["student"],
            content["status"],
            tuple(_topic_line(topic) for topic in content["topics"]),
            tuple(content["missing"]),
            content["problem"],
        )

    def to_json(self) -> dict[str, Any]:
        """The line as plain data."""
        return asdict(self)

    @property
    def suspicious(self) -> bool:
        """There are signs of tampering."""
        return any(topic.suspicions for topic in self.topics)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why something of it was not graded."""
        topics = (f"{topic.topic}: {topic.problem}" for topic in self.topics if topic.problem)
        return (self.problem,) if self.problem else tuple(topics)


def _topic_line(content: Mapping[str, Any]) -> TopicLine:
    suspicions = tuple(Suspicion(**each) for each in content["suspicions"])
    return TopicLine(**{**content, "suspicions": suspicions})


def counts(lines: Iterable[Line]) -> dict[Status, int]:
    """How many submissions there are of each status."""
    found: dict[Status, int] = {"graded": 0, "already graded": 0, "not graded": 0}
    for line in lines:
        found[line.status] += 1
    return found
