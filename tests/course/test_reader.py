"""Roles, attributes, and which file is which topic."""

from __future__ import annotations

import pytest
from tests.course.author import Author, Broken

from onsite.course.reader import find_topic, select_topics
from onsite.errors import OnsiteError

PROSE = "Write `add(a, b)`, which returns the sum of two numbers."
HINT = '<!-- #region hint="add" -->\nWhat does the plus sign do?\n<!-- #endregion -->'
CHECK = '```python check="add" points=2 about="small numbers"'
CHECK_CELL = "cell 6 (check add)"
WRONG = '```python wrong="add" idea="subtracts" expect="3 is the sum"'
DEMO = '```python demo="sums"\nprint("one and two make", 1 + 2)\n```'
ANSWER = '<!-- #region answer="say-it" points=2 -->\nYour answer.\n<!-- #endregion -->'
RUBRIC = '<!-- #region rubric="say-it" -->\n- from left to right\n<!-- #endregion -->'

HEADER = {
    "no title": Broken("title: Adding numbers\n", "", "---", "", "no title", "add `title"),
    "a title that is a number": Broken(
        "title: Adding numbers", "title: 5", "title: 5", "", "no title", "add `title"
    ),
    "no minutes": Broken("minutes: 5\n", "", "---", "", "minutes is None", "whole number"),
    "no time at all": Broken(
        "minutes: 5", "minutes: 0", "minutes: 0", "", "minutes is 0", "over zero"
    ),
    "minutes that are words": Broken(
        "minutes: 5", "minutes: five", "minutes: five", "", "minutes is 'five'", "whole number"
    ),
    "minutes that are true": Broken(
        "minutes: 5", "minutes: true", "minutes: true", "", "minutes is True", "whole number"
    ),
    "an unknown key": Broken(
        "services: []", "servces: []", "servces", "", "unknown key 'servces'",
        "did you mean services",
    ),
    "services that are no list": Broken(
        "services: []", "services: redis", "services:", "", "services is 'redis'", "[...]"
    ),
    "questions that are no texts": Broken(
        "questions: [how-to-add]", "questions: [how-to-add, 3]", "questions:", "",
        "questions is ['how-to-add', 3]", "[...]",
    ),
    "extras that are no list": Broken(
        "services: []", "services: []\nrequires: moto", "requires", "", "requires is 'moto'", "[..."
    ),
}  # fmt: skip

ATTRIBUTES = {
    "an unquoted value": Broken(
        'demo="sums"', "demo=sums", "demo=sums", "cell 3", "cannot read 'demo=sums'", "quote"
    ),
    "an unknown attribute": Broken(
        'about="small numbers"', 'abuot="small numbers"', "abuot", "cell 6",
        "unknown attribute 'abuot'", "did you mean about",
    ),
    "two roles": Broken(
        'demo="sums"', 'demo="sums" alternative="add"', "sums", "cell 3",
        "it plays 2 roles, demo and alternative", "keep one",
    ),
    "a role without a value": Broken(
        'demo="sums"', "demo", "```python demo", "cell 3", "demo has no value", 'write demo="..."'
    ),
    "a folded check": Broken(
        'about="small numbers"', 'about="small numbers" folded=true', "folded", "cell 6",
        "folded is True", "plain and demo code may say folded=true",
    ),
    "a fold that is no truth value": Broken(
        'demo="sums"', 'demo="sums" folded="yes"', "folded", "cell 3", "folded is 'yes'",
        "say folded=true",
    ),
    "an attribute without a role": Broken(
        'demo="sums"', "points=3", "points=3", "cell 3", "points without a role", "give the cell"
    ),
    "an attribute of another role": Broken(
        'demo="sums"', 'demo="sums" points=3', "points=3", "cell 3 (demo sums)",
        "points means nothing here", "drop it",
    ),
    "an exercise in a region": Broken(
        PROSE, '<!-- #region exercise="sub" -->\nIt.\n<!-- #endregion -->', "#region exercise",
        "cell 4 (exercise sub)", "it is a markdown cell", "put it in a ```python fence",
    ),
    "a rubric in a fence": Broken(
        RUBRIC, '```python rubric="say-it"\n"left to right"\n```', "python rubric",
        "cell 26 (rubric say-it)", "it is a code cell", '<!-- #region rubric="..." -->',
    ),
    "a raw cell": Broken(
        PROSE, "<!-- #raw -->\nsome text\n<!-- #endraw -->", "some text", "cell 4", "a raw cell",
        "make it Markdown",
    ),
    "an empty cell": Broken(
        "def add(a, b):\n    return a - b\n", "", '```python wrong="add"', "cell 11 (wrong add)",
        "it is empty", "drop it",
    ),
    "points in quotes": Broken(
        "points=2 about", 'points="3" about', 'points="3"', CHECK_CELL, "points is '3'", "whole"
    ),
    "no points": Broken(
        "points=2 about", "points=0 about", "points=0", CHECK_CELL, "points is 0", "over zero"
    ),
    "negative points": Broken(
        "points=2 about", "points=-1 about", "points=-1", CHECK_CELL, "points is -1", "over zero"
    ),
    "points that are true": Broken(
        "points=2 about", "points=True about", "points=True", CHECK_CELL, "points is True", "whole"
    ),
    "half points": Broken(
        "points=2 about", "points=1.5 about", "points=1.5", CHECK_CELL, "points is 1.5", "whole"
    ),
    "points missing": Broken(
        "points=2 about", "about", CHECK.replace("points=2 ", ""), CHECK_CELL,
        "points is missing", "add points=",
    ),
    "about without words": Broken(
        'about="small numbers"', 'about=""', 'about=""', CHECK_CELL, "about is ''", 'about="..."'
    ),
    "idea missing": Broken(
        ' idea="subtracts"', "", '```python wrong="add" expect="3 is', "cell 11 (wrong add)",
        "idea is missing", "add idea=",
    ),
    "expect missing": Broken(
        ' expect="3 is the sum"', "", 'idea="subtracts"', "cell 11 (wrong add)",
        "expect is missing", "add expect=",
    ),
    "change missing": Broken(
        PROSE, f'{PROSE}\n\n<!-- #region survivor="add" -->\nThe same.\n<!-- #endregion -->',
        'survivor="add"', "cell 5 (survivor add)", "change is missing", "add change=",
    ),
    "a fence in another language": Broken(
        PROSE, f"{PROSE}\n\n```sql\nSELECT 1\n```", "```sql", "cell 5",
        "would be run as a %%sql cell", "```sql .noeval",
    ),
    "python3": Broken(
        PROSE, f"{PROSE}\n\n```python3\n1 + 1\n```", "```python3", "cell 5", "%%python3", ".noeval"
    ),
}  # fmt: skip

PARTS = {
    "a second solution cell": Broken(
        DEMO, '```python exercise="total"\ndef total(numbers): ...\n```',
        "def total(numbers: Iterable[int]", "exercise total", "second solution cell", "another id",
    ),
    "a check of no exercise": Broken(
        'check="total"', 'check="totals"', "calls = Calls()", "check totals",
        "there is no exercise 'totals'", "did you mean total",
    ),
    "a hint for no exercise": Broken(
        HINT, HINT + '\n\n<!-- #region hint="divide" -->\nHow often?\n<!-- #endregion -->',
        "How often?", "hint divide", "there is no exercise 'divide'", 'exercise="divide"',
    ),
    "an answer without rubric": Broken(
        RUBRIC, "", "Your answer.", "answer say-it", "it has no rubric", 'rubric="say-it"'
    ),
    "a rubric without answer": Broken(
        ANSWER, "", "- from left to right", "rubric say-it", "no answer of that id", "answer="
    ),
}  # fmt: skip

PROSE_FENCES = {
    "py is not python": '```py exercise="extra"\nx = 1\n```',
    "a capital": '```Python exercise="extra"\nx = 1\n```',
    "tildes": '~~~python exercise="extra"\nx = 1\n~~~',
    "indented": '  ```python exercise="extra"\n  x = 1\n  ```',
    "in a list": '- so:\n\n  ```python wrong="add"\n  x = 1\n  ```',
    "in a region": '<!-- #region -->\n```python check="add"\nx = 1\n```\n<!-- #endregion -->',
}


@pytest.mark.parametrize(
    "case", [*HEADER.values(), *ATTRIBUTES.values(), *PARTS.values()],
    ids=[*HEADER, *ATTRIBUTES, *PARTS],
)  # fmt: skip
def test_a_broken_topic_is_refused(author: Author, case: Broken) -> None:
    author.expect(case)


@pytest.mark.parametrize("fence", PROSE_FENCES.values(), ids=PROSE_FENCES)
def test_a_cell_that_students_would_read_as_text_is_refused(author: Author, fence: str) -> None:
    line = next(row for row in fence.split("\n") if "=" in row)
    cell = "cell 5" if "region" in fence else "cell 4"
    what, cure = "this fence has a role and is no cell", "start its line with ```python"
    author.expect(Broken(PROSE, f"{PROSE}\n\n{fence}", line, cell, what, cure))


@pytest.mark.parametrize("name", ["SayIt", "say it", "say_it", "1st", "say-", "süß"])
def test_an_id_is_lower_case_words(author: Author, name: str) -> None:
    author.replace('answer="say-it"', f'answer="{name}"')
    author.replace('rubric="say-it"', f'rubric="{name}"')
    problems = author.problems()
    assert [p.line for p in problems] == [author.line("answer="), author.line("rubric=")]
    assert {p.what for p in problems} == {f"{name!r} is no id"}
    assert {p.cure for p in problems} == {"use lower-case words joined by `-`"}


def test_all_problems_of_all_topics_are_told_at_once_in_order(author: Author) -> None:
    author.replace("minutes: 5", "minutes: 0")
    author.replace("points=2 about", "points=0 about")
    author.replace('demo="sums"', 'dmeo="sums"')
    later = author.path.with_name("later.md")
    later.write_text("no header\n", encoding="utf-8")
    author.path.with_name("stranger.md").write_text("", encoding="utf-8")
    problems = author.problems()
    assert [(p.path, p.line) for p in problems] == [
        (author.path, author.line("minutes: 0")),
        (author.path, author.line('dmeo="sums"')),
        (author.path, author.line("points=0")),
        (later, 1),
        (author.path.with_name("stranger.md"), 0),
    ]


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("01-basics/adding-up", "did you mean adding"),
        ("02-more/adding", "move it to 01-basics/"),
        ("adding", "move it to 01-basics/"),
        ("01-basics/more/adding", "move it to 01-basics/"),
    ],
)
def test_a_file_that_the_syllabus_does_not_plan_is_refused(
    author: Author, name: str, cure: str
) -> None:
    path = author.layout.notebooks / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(author.text, encoding="utf-8")
    (problem,) = author.problems()
    assert (problem.path, problem.what) == (path, f"the syllabus has no topic {name}")
    assert cure in problem.cure


def test_editors_hidden_copies_are_no_topics(author: Author) -> None:
    hidden = author.path.parent / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "adding-checkpoint.md").write_text("", encoding="utf-8")
    assert [t.id for t in author.course().topics] == ["adding"]


def test_the_parts_of_a_topic(author: Author) -> None:
    author.insert_above(
        PROSE,
        '<!-- #region survivor="add" change="a - -b" -->\nIt is the same.\n<!-- #endregion -->',
    )
    topic = author.topic()
    assert (topic.title, topic.minutes, topic.services, topic.questions) == (
        "Adding numbers", 5, (), ("how-to-add",),
    )  # fmt: skip
    assert [e.id for e in topic.exercises] == ["add", "total"]
    assert [e.points for e in topic.exercises] == [3, 2]
    add = topic.exercises[0]
    assert [(c.id, c.about, c.points) for c in add.checks] == [
        ("add-check-1", "small numbers", 2),
        ("add-check-2", "negative numbers", 1),
    ]
    assert [w.expect for w in add.wrong] == ["3 is the sum", "returned None", "mind the sign"]
    assert [a.idea for a in add.alternatives] == ["sums a pair"]
    assert [len(e.hints) for e in topic.exercises] == [3, 3]
    assert [(a.id, a.points, a.rubric.source) for a in topic.answers] == [
        ("say-it", 2, "- from left to right")
    ]
    assert [(s.exercise, s.change, s.reason) for s in topic.survivors] == [
        ("add", "a - -b", "It is the same.")
    ]


@pytest.mark.parametrize(
    "fence", ['```python exercise="add"', "````python exercise='add'", '```python exercise = "add"']
)
def test_an_exercise_is_found_however_its_fence_is_written(author: Author, fence: str) -> None:
    author.replace('```python exercise="add"', fence)
    if fence.startswith("````"):
        author.replace("    ### END SOLUTION\n```", "    ### END SOLUTION\n````")
    assert find_topic(author.layout, "add").id == "adding"


def test_an_unknown_exercise_is_told_with_near_names(author: Author) -> None:
    with pytest.raises(OnsiteError, match=r"no exercise 'totl' .*did you mean total"):
        find_topic(author.layout, "totl")


def test_topics_are_chosen_by_topic_module_or_both(author: Author) -> None:
    course = author.course()
    for name in ("adding", "01-basics", "01-basics/adding"):
        assert [t.id for t in select_topics(course, [name])] == ["adding"]
    assert select_topics(course, []) == course.topics
    with pytest.raises(OnsiteError, match="'ading'; did you mean adding"):
        select_topics(course, ["ading"])
    with pytest.raises(OnsiteError, match="'zzz'; there are adding, 01-basics"):
        select_topics(course, ["zzz"])
