"""From a topic to nbgrader's notebook, and what students must not see."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from tests.course.author import Author

from onsite.course.compiler import compile_topic, grade_ids, stub, student_version

PROSE = "Write `add(a, b)`, which returns the sum of two numbers."
WRITE = """
import sys
from onsite.course.build import compile_sources, generate_release
from onsite.course.layout import find_layout
from onsite.course.reader import read_course

sources = compile_sources(read_course(find_layout()).topics)
for place, content in (*sources.items(), *generate_release(sources).items()):
    sys.stdout.buffer.write(str(place).encode() + content)
"""


def test_the_notebook_is_valid_for_nbformat_and_nbgrader(author: Author) -> None:
    notebook = compile_topic(author.topic())
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    graded = [c for c in notebook.cells if "nbgrader" in c.metadata]
    for cell in graded:
        MetadataValidator().validate_cell(cell)
    flags = {
        c.metadata.nbgrader.grade_id: (
            c.metadata.nbgrader.grade, c.metadata.nbgrader.solution, c.metadata.nbgrader.locked,
            c.metadata.nbgrader.get("points"), c.metadata.onsite.role,
        )
        for c in graded
    }  # fmt: skip
    assert flags == {
        "adding-setup-Calls": (False, False, True, None, "setup"),
        "add": (False, True, False, None, "exercise"),
        "add-check-1": (True, False, True, 2, "check"),
        "add-check-2": (True, False, True, 1, "check"),
        "total": (False, True, False, None, "exercise"),
        "total-check-1": (True, False, True, 2, "check"),
        "say-it": (True, True, False, 2, "answer"),
    }
    assert sorted(flags) == sorted(name for name, _ in grade_ids(author.topic()))


@pytest.mark.slow
def test_the_bytes_depend_on_the_topic_alone(author: Author) -> None:
    written = {
        subprocess.run(
            [sys.executable, "-c", WRITE],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"))
    }
    (content,) = written
    assert content.count(b"01-basics/adding.ipynb") == 2


def test_what_only_the_proof_needs_is_in_no_notebook(author: Author) -> None:
    author.insert_above(
        PROSE,
        '<!-- #region survivor="add" change="a - -b" -->\nsurvivor-text\n<!-- #endregion -->',
    )
    source = nbformat.writes(compile_topic(author.topic()))
    for text in ("survivor-text", "a - -b", "return a - b", "prints instead", "sum((a, b))"):
        assert text not in source
    for text in ("return a + b", "add(20, 22) == 42", "BEGIN SOLUTION", "BEGIN HIDDEN TESTS"):
        assert text in source


def test_solutions_and_hidden_tests_are_not_in_the_students_notebook(author: Author) -> None:
    student = nbformat.writes(student_version(compile_topic(author.topic())))
    for text in ("return a + b", "for number in numbers", "add(20, 22)", "BEGIN", "END "):
        assert text not in student
    for text in ("raise NotImplementedError()", "assert got == 3", "Hint 1 of 3", "YOUR ANSWER"):
        assert text in student


def test_plain_and_demo_cells_stay_folded_as_their_author_folded_them(author: Author) -> None:
    fold = "folded=true"
    author.replace("```python\nfrom collections", f"```python {fold}\nfrom collections")
    author.replace('demo="sums"', f'demo="sums" {fold}')
    notebook = compile_topic(author.topic())
    for version in (notebook, student_version(notebook)):
        folded = [c for c in version.cells if "jupyter" in c.metadata]
        assert [c.metadata.onsite.role for c in folded] == ["setup", "demo"]
        assert all(c.metadata.jupyter == {"source_hidden": True} for c in folded)


@pytest.mark.parametrize(
    ("written", "compiled"),
    [
        ("see [N+1](n-plus-one.md), and", "see [N+1](n-plus-one.ipynb), and"),
        ("[locks](../06-sql/mvcc.md#rows)", "[locks](../06-sql/mvcc.ipynb)"),
        ("[the page](https://example.org/a.md#b)", "[the page](https://example.org/a.md#b)"),
        ("[above](#see-it-run) and `notes.md`", "[above](#see-it-run) and `notes.md`"),
    ],
)
def test_a_link_to_a_topic_leads_to_its_notebook(
    author: Author, written: str, compiled: str
) -> None:
    author.insert_above(PROSE, written)
    assert any(compiled in cell.source for cell in compile_topic(author.topic()).cells)


def test_cell_ids_are_unique_and_stay_when_cells_are_put_above(author: Author) -> None:
    before = {c.id: c.source for c in compile_topic(author.topic()).cells}
    title = "**How do you add?** One number after the other."
    author.replace(title, f"{title}\n\n```python\nimport math\n```\n\nMore prose.")
    after = {c.id: c.source for c in compile_topic(author.topic()).cells}
    assert len(after) == len(before) + 2
    assert before.items() <= after.items()


def test_equal_cells_have_ids_of_their_own(author: Author) -> None:
    for _ in range(3):
        author.insert_above(PROSE, "```python\n1 + 1\n```")
    cells = compile_topic(author.topic()).cells
    assert len({c.id for c in cells}) == len(cells)


def test_cells_have_the_order_and_the_look_of_a_lesson(author: Author) -> None:
    author.replace("services: []", "services: [redis]")
    cells = compile_topic(author.topic()).cells
    assert cells[0].source == (
        "# Adding numbers\n\n*5 minutes · runs on Valkey (Redis protocol) · 2 exercises, 5 points"
        " · 2 points for what you write, graded by you or a reader with the rubric*"
    )
    assert cells[1].source.endswith("%load_ext onsite")
    roles = [c.metadata.get("onsite", {}).get("role", "text") for c in cells]
    assert roles == [
        "text", "magic", "text", "setup", "demo",
        "text", "exercise", "check", "check", "magic", "hint", "hint", "hint",
        "text", "exercise", "check", "magic", "hint", "hint", "hint",
        "answer", "rubric",
    ]  # fmt: skip
    assert [c.source for c in cells if c.source.startswith("%check")] == [
        "%check add",
        "%check total",
    ]
    hint = next(c for c in cells if "What does the plus sign do?" in c.source)
    assert hint.source.startswith("<details>\n<summary>Hint 1 of 3</summary>\n\n")
    assert hint.source.endswith("\n\n</details>")


@pytest.mark.parametrize(
    ("source", "student"),
    [
        ("def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
         "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()"),
        ("a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3",
         "a = 1\n# YOUR CODE HERE\nraise NotImplementedError()\nc = 3"),
    ],
)  # fmt: skip
def test_a_stub_is_what_nbgrader_leaves(source: str, student: str) -> None:
    assert stub(source) == student


def test_the_notebook_names_its_topic(author: Author) -> None:
    notebook = json.loads(nbformat.writes(compile_topic(author.topic())))
    assert notebook["metadata"]["onsite"] == {
        "module": "01-basics",
        "topic": "adding",
        "title": "Adding numbers",
    }
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(not c.get("outputs") for c in notebook["cells"])
