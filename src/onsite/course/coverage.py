"""What the syllabus asks for and what is there: `onsite coverage`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onsite.course.model import Course


@dataclass(frozen=True, slots=True)
class QuestionCoverage:
    """One question of the syllabus and what answers it.

    `exercises` are the exercises of its topic; `missing` says what is still owed, empty when
    nothing is.
    """

    module: str
    topic: str
    question: str
    ask: str
    exercises: tuple[str, ...]
    points: int
    missing: str


def coverage(course: Course) -> Iterator[QuestionCoverage]:
    """Yield every question of the syllabus in course order."""
    written = {(topic.module, topic.id): topic for topic in course.topics}
    for module in course.modules:
        for plan in module.topics:
            topic = written.get((module.id, plan.id))
            for question in plan.questions:
                if topic is None:
                    missing = "the topic"
                elif question.id not in topic.questions:
                    missing = "the question in the topic's header"
                else:
                    missing = ""
                yield QuestionCoverage(
                    module=module.id,
                    topic=plan.id,
                    question=question.id,
                    ask=question.ask,
                    exercises=tuple(e.id for e in topic.exercises) if topic else (),
                    points=sum(e.points for e in topic.exercises) if topic else 0,
                    missing=missing,
                )
