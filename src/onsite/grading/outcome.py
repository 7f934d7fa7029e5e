"""What came of a submission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from onsite.grading.result import Suspicion
from onsite.grading.score import Score


@dataclass(frozen=True, slots=True)
class TopicGrade:
    """What came of one submitted notebook.

    Either `executed` (the notebook as UTF-8 JSON) and its `scores`, or `problem`: why it could
    not be graded, which is never a zero. `unanswered` says of each cell that the student was to
    write whether it is untouched. `suspicions` are signs of tampering, for a person to judge.
    `run` is what a person may want to know of the run, as plain
    data: see `exam.account_of`.
    """

    topic: str
    scores: tuple[Score, ...] = ()
    unanswered: Mapping[str, bool] = field(default_factory=dict)
    executed: bytes = b""
    problem: str = ""
    suspicions: tuple[Suspicion, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """What was earned so far."""
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def max_points(self) -> float:
        """What could be earned, manually graded cells included."""
        return sum(score.max_points for score in self.scores)

    @property
    def needs_a_person(self) -> bool:
        """Some cell has to be graded by hand."""
        return any(score.points is None for score in self.scores)

    def account(self) -> dict[str, Any]:
        """How the points came about, as plain data for a person to read."""
        return {
            "topic": self.topic,
            "points": self.points,
            "max_points": self.max_points,
            "problem": self.problem,
            "scores": [asdict(score) for score in self.scores],
            "suspicions": [asdict(suspicion) for suspicion in self.suspicions],
            **self.run,
        }


@dataclass(frozen=True, slots=True)
class Grade:
    """What came of one submission; `missing` topics were not handed in and earn nothing."""

    student: str
    module: str
    topics: tuple[TopicGrade, ...]
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def graded(self) -> bool:
        """Everything that was handed in has its grade."""
        return not self.problem and not any(topic.problem for topic in self.topics)

    def to_bytes(self) -> bytes:
        """All of it as JSON."""
        content = _fields(self)
        content["topics"] = [
            _fields(topic)
            | {
                "scores": [_fields(score) for score in topic.scores],
                "suspicions": [_fields(suspicion) for suspicion in topic.suspicions],
                "executed": topic.executed.decode(),
            }
            for topic in self.topics
        ]
        return json.dumps(content).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Grade:
        """The grade that `to_bytes` wrote."""
        content = json.loads(data)
        topics = tuple(
            TopicGrade(
                each["topic"],
                tuple(Score(**score) for score in each["scores"]),
                each["unanswered"],
                each["executed"].encode(),
                each["problem"],
                tuple(Suspicion(**suspicion) for suspicion in each["suspicions"]),
                each["run"],
            )
            for each in content["topics"]
        )
        return cls(
            content["student"],
            content["module"],
            topics,
            tuple(content["missing"]),
            content["problem"],
        )


def _fields(of: Any) -> dict[str, Any]:
    """A dataclass's fields by name, as they are: `asdict` would copy all that is below them."""
    return {each.name: getattr(of, each.name) for each in fields(of)}
