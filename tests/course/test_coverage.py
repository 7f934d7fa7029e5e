"""Which questions have an answer and which are still owed one."""

from __future__ import annotations

import dataclasses

from tests.course.author import Author

from onsite.course.coverage import coverage


def test_every_question_of_the_syllabus_is_listed(author: Author) -> None:
    answered, owed = coverage(author.course())
    assert (answered.module, answered.topic, answered.question, answered.missing) == (
        "01-basics", "adding", "how-to-add", "",
    )  # fmt: skip
    assert (answered.exercises, answered.points) == (("add", "total"), 5)
    assert (owed.topic, owed.ask, owed.exercises, owed.points, owed.missing) == (
        "later", "When?", (), 0, "the topic",
    )  # fmt: skip


def test_a_question_that_the_topic_does_not_take_up_is_missing(author: Author) -> None:
    course = author.course()
    topic = dataclasses.replace(course.topics[0], questions=())
    first, _ = coverage(dataclasses.replace(course, topics=(topic,)))
    assert first.missing == "the question in the topic's header"
