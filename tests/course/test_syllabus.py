"""What a broken syllabus says."""

from __future__ import annotations

import pytest
from tests.course.author import Author

from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError

BROKEN = {
    "no YAML": ("modules:", "modules: [", "line", "mend the YAML"),
    "no mapping": (None, "- a list", "holds no mapping", "modules:"),
    "empty": (None, "", "holds no mapping", "modules:"),
    "no modules": (None, "modules: []", "no list `modules`", "add it"),
    "a module that is a word": (None, "modules: [basics]", "module 1 is 'basics'", "key: value"),
    "a module without title": (
        "title: Basics\n  topics", "topics", "module 01-basics has no text `title`", "add it"
    ),
    "a topic without demo": (
        "    demo: Add two numbers and chart the result.\n", "", "topic adding has no text `demo`",
        "add it",
    ),
    "minutes that are none": ("minutes: 5", "minutes: soon", "topic adding: minutes is 'soon'",
                              "whole number"),
    "minutes that are true": ("minutes: 5", "minutes: true", "topic adding: minutes is True",
                              "whole number"),
    "a topic without questions": (
        "questions:\n    - {id: how-to-add", "quests:\n    - {id: how-to-add",
        "topic adding has no list `questions`", "add it",
    ),
    "a question without points": (
        'points: ["left to right"]', "points: []", "question how-to-add has no list `points`", "add"
    ),
    "services that are a word": (
        "services: [redis]", "services: redis", "topic later: services is 'redis'", "a list"
    ),
    "refs that are a word": ("refs: [A1]", "refs: A1", "question how-to-add: refs is 'A1'", "list"),
    "a topic twice": ("id: later", "id: adding", "topic id 01-basics/adding is used twice",
                      "unique"),
    "a question twice": ("id: when", "id: how-to-add", "question id how-to-add is used twice",
                         "unique"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "what", "cure"), BROKEN.values(), ids=BROKEN)
def test_a_broken_syllabus_is_refused(
    author: Author, old: str | None, new: str, what: str, cure: str
) -> None:
    path = author.layout.syllabus
    text = path.read_text(encoding="utf-8")
    assert old is None or old in text
    path.write_text(new if old is None else text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(OnsiteError) as raised:
        read_syllabus(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert what in message
    assert cure in message.partition(";")[2]
    assert "\n" not in message


def test_a_syllabus_that_is_not_utf8_or_not_there(author: Author) -> None:
    path = author.layout.syllabus
    path.write_bytes(b"modules: \xff")
    with pytest.raises(OnsiteError, match=r"byte 9 is not UTF-8; save it as UTF-8"):
        read_syllabus(path)
    path.unlink()
    with pytest.raises(OnsiteError, match="is missing; restore it"):
        read_syllabus(path)


def test_the_syllabus_in_course_order(author: Author) -> None:
    (module,) = read_syllabus(author.layout.syllabus)
    assert (module.id, module.title) == ("01-basics", "Basics")
    assert [(t.module, t.id, t.minutes, t.services) for t in module.topics] == [
        ("01-basics", "adding", 5, ()),
        ("01-basics", "later", 10, ("redis",)),
    ]
    (question,) = module.topics[0].questions
    assert (question.id, question.refs, question.points) == (
        "how-to-add", ("A1",), ("left to right",),
    )  # fmt: skip
