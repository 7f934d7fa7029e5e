"""The rules of a good topic: what breaks each, and what must not."""

from __future__ import annotations

import sys

import pytest
from tests.course.author import Author, Broken

from onsite.course import form
from onsite.course.form import parse

PROSE = "Write `add(a, b)`, which returns the sum of two numbers."
TITLE = "# Adding numbers\n\n**How do you add?** One number after the other."
DEMO = '```python demo="sums"\nprint("one and two make", 1 + 2)\n```'
CHECK = 'got = add(-5, 2)\nassert got == -3, f"add(-5, 2) returned {got!r}; mind the sign"'
SIGN = '```python wrong="add" idea="drops the sign" expect="mind the sign"'
LAST_HINT = '<!-- #region hint="add" -->\nReturn what it gives.\n<!-- #endregion -->\n\n'
TOTAL = """    result = 0
    for number in numbers:
        on_add()
        result = add(result, number)
    return result
"""
LONGER = (
    TOTAL.replace("result", "the_sum_so_far")
    .replace("number ", "each_number ")
    .replace("number)", "each_number)")
)
TOTAL_CHECK = """```python check="total" points=2 about="the sum, and one call a number"
calls = Calls()
got = total([1, 2, 3], calls)
assert got == 6, f"total([1, 2, 3]) returned {got!r}; 6 is the sum"
assert calls.count == 3, f"on_add was called {calls.count} times for three numbers"
```

"""
RECURSION = '```python alternative="total" idea="by recursion"'
ADD = "def add(a: int, b: int) -> int:"

BROKEN = {
    "no title cell": Broken(TITLE, DEMO, "print(", "", "the first cell is no title", "# Adding"),
    "a title of lower rank": Broken(
        "# Adding", "## Adding", "## Adding", "", "the first cell is no title", "# Adding numbers"
    ),
    "a question missing": Broken(
        "questions: [how-to-add]", "questions: []", "questions", "",
        "question how-to-add is missing", "add it to `questions:`",
    ),
    "a strange question": Broken(
        "[how-to-add]", "[how-to-add, when]", "questions", "",
        "the syllabus gives this topic no question when", "drop it",
    ),
    "an unknown service": Broken(
        "services: []", "services: [mysql]", "services", "", "unknown service mysql", "redis"
    ),
    "no hints but two": Broken(
        LAST_HINT, "", ADD, "exercise add", "it has 2 hints", "a question, a direction"
    ),
    "four hints": Broken(
        LAST_HINT, LAST_HINT + LAST_HINT.replace("Return", "Give"), ADD, "exercise add",
        "it has 4 hints", "write 3",
    ),
    "two wrong answers": Broken(
        f"{SIGN}\ndef add(a, b):\n    return abs(a) + abs(b)\n```\n\n", "", ADD, "exercise add",
        "it has 2 wrong answers", "at least 3",
    ),
    "a repeated idea": Broken(
        'idea="drops the sign" expect="mind the sign"\ndef add(a, b):',
        'idea="subtracts" expect="mind the sign"\ndef add(a, b):  # the third',
        "# the third", "wrong add", "'subtracts' is there twice", "differs",
    ),
    "a wrong answer that is the solution": Broken(
        "def add(a, b):\n    return a - b",
        'def add(a: int, b: int) -> int:  # right\n    """Return the sum of two numbers."""\n'
        "    return a + b",
        "# right", "wrong add", "the same as the solution", "write another",
    ),
    "a wrong answer twice": Broken(
        "def add(a, b):\n    return abs(a) + abs(b)", "def add(a, b):  # again\n    return a - b",
        "# again", "wrong add", "the same as the one on line 66", "write another",
    ),
    "no checks": Broken(
        TOTAL_CHECK, "", "def total(numbers: Iterable", "exercise total", "it has no check",
        'check="total" points=1',
    ),
    "no alternative": Broken(
        RECURSION, RECURSION.replace("alternative", "wrong").replace("idea", 'expect="x" idea'),
        "def total(numbers: Iterable", "exercise total", "no alternative", 'alternative="total"',
    ),
    "a check above its exercise": Broken(
        PROSE, '```python check="add" points=1\nassert True, "above"\n```', 'assert True, "above"',
        "check add", "stands above its exercise", "below",
    ),
    "no written answer": Broken(
        '<!-- #region answer="say-it" points=2 -->\nYour answer.\n<!-- #endregion -->\n\n'
        '<!-- #region rubric="say-it" -->\n- from left to right\n<!-- #endregion -->',
        "The end.", None, "", "it has no written answer", 'answer="say-it"',
    ),
    "a solution that never ends": Broken(
        "    return a + b\n    ### END SOLUTION", "    return a + b", ADD, "exercise add",
        "a region is opened and never closed", "in pairs",
    ),
    "a solution that ends twice": Broken(
        "    ### END SOLUTION", "    ### END SOLUTION\n    ### END SOLUTION", ADD, "exercise add",
        "line 6 of the cell closes a region that is not open", "in pairs",
    ),
    "a solution that begins twice": Broken(
        "    ### BEGIN SOLUTION", "    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION", ADD,
        "exercise add", "line 4 of the cell opens a region that is open already", "in pairs",
    ),
    "no solution markers": Broken(
        "    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION", "    return a + b", ADD,
        "exercise add", "no part of it is marked as solution", "### BEGIN SOLUTION",
    ),
    "hidden tests that never end": Broken(
        "\n### END HIDDEN TESTS", "", "got = add(1, 2)", "check add", "never closed", "in pairs"
    ),
    "hidden tests in a demo": Broken(
        'print("one', '### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\nprint("one',
        "### BEGIN HIDDEN", "demo sums", "a HIDDEN TESTS marker in a cell that is no check", "move",
    ),
    "a lonely end in a demo": Broken(
        'print("one', '### END HIDDEN TESTS\nprint("one', "### END HIDDEN", "demo sums",
        "a HIDDEN TESTS marker in a cell that is no check", "move",
    ),
    "a solution in a plain cell": Broken(
        "class Calls:", "### BEGIN SOLUTION\n### END SOLUTION\nclass Calls:",
        "from collections.abc", "plain", "a SOLUTION marker in a cell that is no exercise", "move",
    ),
    "a solution in prose": Broken(
        PROSE, f"{PROSE}\n\n    ### BEGIN SOLUTION\n    ### END SOLUTION", PROSE, "plain",
        "a SOLUTION marker in a cell that is no exercise", "move",
    ),
    "a stub that is no Python": Broken(
        f"{ADD}\n", f"### BEGIN SOLUTION\n{ADD}\n### END SOLUTION\n", "### BEGIN SOLUTION",
        "exercise add", "without the solution it is not Python", "keep signatures outside",
    ),
    "code that is no Python": Broken(
        'print("one and two make", 1 + 2)', 'x = 1\nprint("one',
        'print("one', "demo sums", "not Python: unterminated string", "mend the code",
    ),
    "a return outside a function": Broken(
        'print("one and two make", 1 + 2)', "x = 1\n\nreturn x", "return x", "demo sums",
        "'return' outside function", "mend the code",
    ),
    "a null byte": Broken(
        'print("one', 'print("\0one', "\0", "demo sums", "not Python: source code", "mend"
    ),
    "a check that needs what is below": Broken(
        CHECK, CHECK.replace("-5", "calls.count"), "got = add(calls", "check add",
        "it uses calls, which a cell below defines", "define it above",
    ),
    "a check that needs a demo": Broken(
        'print("one and two make", 1 + 2)\n```', "five = 5\n```\n\n```python\nprint(five)\n```",
        "print(five)", "plain", "it uses five, which only a demo defines", "grading skips demos",
    ),
    "a check that needs what nobody defines": Broken(
        CHECK, CHECK.replace("-5", "five"), "got = add(five", "check add",
        "it uses five, which no cell defines", "define or import it",
    ),
    "an exercise that needs what nobody defines": Broken(
        "    return a + b\n", "    return operator.add(a, b)\n", ADD, "exercise add",
        "it uses operator, which no cell defines", "define or import it",
    ),
    "an id of an answer that an exercise has": Broken(
        'answer="say-it" points=2 -->\nYour answer.\n<!-- #endregion -->\n\n'
        '<!-- #region rubric="say-it" -->',
        'answer="add" points=2 -->\nYour answer.\n<!-- #endregion -->\n\n'
        '<!-- #region rubric="add" -->',
        "Your answer.", "answer add", "has the grade id add", "another id",
    ),
    "an id that a check has": Broken(
        'answer="say-it" points=2 -->\nYour answer.\n<!-- #endregion -->\n\n'
        '<!-- #region rubric="say-it" -->',
        'answer="add-check-1" points=2 -->\nYour answer.\n<!-- #endregion -->\n\n'
        '<!-- #region rubric="add-check-1" -->',
        "Your answer.", "answer add-check-1", "has the grade id add-check-1", "another id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_topic_that_breaks_a_rule_is_refused(author: Author, case: Broken) -> None:
    author.expect(case)


LEAKS = {
    "in prose": (PROSE, f"{PROSE}\n\n{LONGER}", PROSE, "plain"),
    "in its own docstring": (
        'telling `on_add` of each number."""', f'like this:\n\n{LONGER}    """',
        "def total(numbers: Iterable", "exercise total",
    ),
    "in a hint": ("Loop over the numbers.", f"Like so:\n\n{LONGER}", "Like so", "hint total"),
    "in a rubric": ("- from left to right", f"Like so:\n\n{LONGER}", "Like so", "rubric say-it"),
    "in a check": (
        "calls = Calls()", f'calls = Calls()\nmodel = """\n{LONGER}"""', "calls = Calls()",
        "check total",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "cell"), LEAKS.values(), ids=LEAKS)
def test_a_solution_that_students_can_read_is_refused(
    author: Author, old: str, new: str, at: str, cell: str
) -> None:
    author.replace(TOTAL, LONGER)
    what, cure = "it shows 3 solution lines of total", "keep the answer out of what students see"
    author.expect(Broken(old, new, at, cell, what, cure))


def test_hidden_tests_may_hold_a_solution(author: Author) -> None:
    author.replace(TOTAL, LONGER)
    model = f"def model(numbers, on_add):\n{LONGER}"
    author.replace("assert add(20, 22)", f"{model}\n\nassert add(20, 22)")
    assert author.problems() == ()


def test_an_exercise_of_two_topics_is_told_with_both_places(author: Author) -> None:
    later = author.path.with_name("later.md")
    later.write_text(author.text.replace("how-to-add", "when"), encoding="utf-8")
    line = author.line("def add(a: int")
    assert [str(p) for p in author.problems()] == [
        f"{later}:{author.line(f'def {name}')}: exercise {name}: "
        f"{author.path}:{author.line(f'def {name}')} has an exercise of that id; "
        "choose another id."
        for name in ("add", "total")
    ]
    assert author.problems()[0].line == line


def test_five_exercises_are_too_many_and_none_too_few(author: Author) -> None:
    text = author.text
    block = text[text.index("Write `total(") : text.index('<!-- #region answer="say-it"')]
    more = "".join(block.replace("total", f"total{n}") for n in range(2, 5))
    author.insert_above('<!-- #region answer="say-it"', more)
    assert [p.what for p in author.problems()] == ["it has 5 exercises"]
    start, end = text.index("Write `add("), text.index('<!-- #region answer="say-it"')
    author.write(text[:start] + text[end:])
    (problem,) = author.problems()
    assert (problem.what, problem.cure) == ("it has 0 exercises", "write two to four")


PYTHON = {
    "top-level await": "import asyncio\nawait asyncio.sleep(0)\nasync with asyncio.timeout(1):\n"
    "    pass",
    "magics": "%load_ext onsite\nfiles = !ls\nprint(files)",
    "a cell magic": "%%capture shown\nhidden = 1",
    "global": "def start():\n    global started\n    started = 1\n\n\nstart()\nprint(started)",
    "walrus": "if (found := 5) > 3:\n    print(found)\nprint([y := 1, y**2])",
    "comprehensions": "print([n * m for n in [1] for m in [2]], {k: v for k, v in {}.items()})",
    "match": 'match {"a": [1, 2], "b": 3}:\n    case {"a": [first, *others], **rest}:\n'
    "        print(first, others, rest)\n    case str() as text:\n        print(text)",
    "del": "gone = 1\ndel gone",
    "nonlocal": "def outer():\n    seen = 0\n\n    def inner():\n        nonlocal seen\n"
    "        seen += 1\n\n    inner()\n    return seen",
    "decorators": "import functools\n\n\n@functools.cache\ndef slow(n, *many, key=None, **more):\n"
    "    return n, many, key, more",
    "f-strings": 'name = "x"\nprint(f"{name!r:>{len(name)}} {name=}")',
    "exceptions": "try:\n    pass\nexcept* ValueError as group:\n    print(group)",
    "class scope": "class A:\n    x = 1\n\n    def who(self):\n        return __class__, __name__",
    "imports": "import os.path as p, collections.abc\nprint(p, collections)",
    "unpacking": "(head, *tail), last = (1, 2), 3\nprint(head, tail, last)\n"
    "with open('f') as file, open('g') as (a, b):\n    print(file, a, b)",
    "a strange escape": 'print("\\d")',
    "tabs": "if True:\n\tindented = 1\n\tprint(indented)",
    "lambda": "print((lambda left, /, right=2, *, only: left + right + only)(1, only=3))",
    "IPython's own": "display(In, Out, _, get_ipython())",
}


if sys.version_info >= (3, 12):
    PYTHON["type parameters"] = (
        "def first[T](items: list[T]) -> T:\n    return items[0]\n\n\ntype Pair[A] = tuple[A, A]"
    )


@pytest.mark.parametrize("code", PYTHON.values(), ids=PYTHON)
def test_python_of_every_kind_is_fine(
    author: Author, code: str, recwarn: pytest.WarningsRecorder
) -> None:
    author.insert_above(PROSE, f"```python\n{code}\n```")
    assert author.problems() == ()
    assert not list(recwarn)


@pytest.mark.parametrize("unknowable", ["from math import *", "%%time\nfive = 5"])
def test_names_that_cannot_be_known_are_not_guessed_at(author: Author, unknowable: str) -> None:
    author.insert_above(PROSE, f"```python\n{unknowable}\n```")
    author.replace(CHECK, CHECK.replace("-5", "five"))
    assert author.problems() == ()


def test_a_plain_cell_may_call_what_an_exercise_below_defines(author: Author) -> None:
    author.insert_above(PROSE, "```python\ndef twice(n):\n    return add(n, n)\n```")
    assert author.problems() == ()


def test_a_text_that_is_neither_python_nor_ipython() -> None:
    with pytest.raises(SyntaxError):
        parse("five = = 5")


def test_services_are_those_that_notebooks_can_name() -> None:
    assert {"redis", "postgres"} <= set(form.SERVICE_NAMES)
