"""Where headers, fences and regions begin and end, and which line is which."""

from __future__ import annotations

import pytest
from tests.course.author import Author, Broken

from onsite.course.markdown import read_document
from onsite.course.problems import FormError

SOLUTION_FENCE = '```python exercise="add"'
HINT = '<!-- #region hint="add" -->\nWhat does the plus sign do?\n<!-- #endregion -->'
PROSE = "Write `add(a, b)`, which returns the sum of two numbers."

BROKEN = {
    "no header": Broken("---\ntitle", "title", "title", "", "header is missing", "`---`"),
    "an endless header": Broken(
        "questions: [how-to-add]\n---", "questions: [how-to-add]", "---", "", "never ends", "`---`"
    ),
    "a header that is no YAML": Broken(
        "services: []", "services: [", "questions:", "", "the header: expected", "mend the YAML"
    ),
    "a header with a date that is none": Broken(
        "minutes: 5", "minutes: 2026-99-99", "---", "", "the header: month", "mend the YAML"
    ),
    "a header that is a list": Broken(
        "title: Adding numbers\nminutes: 5\nservices: []\nquestions: [how-to-add]",
        "- title", "---", "", "not a mapping", "`key: value`",
    ),
    "a key twice": Broken(
        "minutes: 5", "minutes: 5\nminutes: 6", "minutes: 6", "", "a second 'minutes'", "keep one"
    ),
    "an unclosed last fence": Broken(
        "- from left to right\n<!-- #endregion -->",
        "- from left to right\n<!-- #endregion -->\n\n```text", "```text", "",
        "never closed", "add ```",
    ),
    "an unclosed fence before another": Broken(
        "    ### END SOLUTION\n```\n\n```python check=\"add\" points=2",
        "    ### END SOLUTION\n\n```python check=\"add\" points=2",
        SOLUTION_FENCE, "", "still open on line 39", "close it with ```",
    ),
    "an unclosed fence of tildes": Broken(
        PROSE, f"~~~\n{PROSE}", "~~~", "", "never closed", "add ~~~"
    ),
    "an unclosed fence in a region": Broken(
        "Return what it gives.", "```text\nReturn what it gives.", "```text", "",
        "still open on line", "close it with ```",
    ),
    "a region in a region": Broken(
        HINT, HINT.removesuffix("<!-- #endregion -->"), '<!-- #region hint="add" -->', "",
        "a region starts inside this one, on line 57", "<!-- #endregion -->",
    ),
    "an unclosed last region": Broken(
        "- from left to right\n<!-- #endregion -->", "- from left to right",
        '<!-- #region rubric="say-it" -->', "", "never closed", "add <!-- #endregion -->",
    ),
    "an end without a region": Broken(
        PROSE, f"{PROSE}\n\n<!-- #endregion -->", "<!-- #endregion -->", "", "none is open", "drop"
    ),
    "an indented region": Broken(
        HINT, f"  {HINT}", '  <!-- #region hint="add" -->', "", "not alone on its line", "start"
    ),
    "text after a region marker": Broken(
        HINT, HINT.replace(" -->\n", " --> Think:\n", 1), "--> Think:", "",
        "not alone on its line", "end it with `-->`",
    ),
    "a line separator that no editor shows": Broken(
        "return a + b\n", "return a + b  # \u2028\n", "\u2028", "", "U+2028", "escape"
    ),
    "a form feed": Broken(PROSE, f"{PROSE}\x0c", "\x0c", "", "U+000C", "delete it"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_broken_document_is_refused(author: Author, case: Broken) -> None:
    author.expect(case)


def test_bytes_that_are_not_utf8_are_told_with_their_line(author: Author) -> None:
    line = author.line(PROSE)
    author.path.write_bytes(author.text.replace("sum of two", "sümme").encode("latin-1"))
    (problem,) = author.problems()
    assert problem.line == line - 0
    assert "not UTF-8" in str(problem)
    assert problem.cure == "save the file as UTF-8"


def test_a_folder_with_a_topics_name_is_no_topic(author: Author) -> None:
    (author.layout.notebooks / "01-basics" / "later.md").mkdir()
    (problem,) = author.problems()
    assert "it cannot be read" in str(problem)
    assert "make it a readable file" in str(problem)


def test_a_missing_file_is_told(author: Author) -> None:
    with pytest.raises(FormError, match=r"nowhere\.md: there is no such file; create it"):
        read_document(author.path.with_name("nowhere.md"))


def test_every_cell_knows_its_line(author: Author) -> None:
    lines = author.text.split("\n")
    for cell in read_document(author.path).cells:
        assert lines[cell.line - 1] == cell.source.split("\n")[0]
        if cell.attributes:
            assert lines[cell.line - 2].startswith(("```python ", "<!-- #region "))


def test_text_that_its_own_fence_repeats_does_not_shift_lines(author: Author) -> None:
    author.replace('demo="sums"\nprint("one and two make", 1 + 2)', 'demo="pass"\npass')
    demo = next(c for c in read_document(author.path).cells if "demo" in c.attributes)
    assert demo.line == author.line('demo="pass"') + 1


@pytest.mark.parametrize("empty", ["", "\n"], ids=["no line", "an empty line"])
def test_an_empty_cell_knows_its_line(author: Author, empty: str) -> None:
    author.replace('demo="sums"\nprint("one and two make", 1 + 2)\n', f'demo="sums"\n{empty}')
    cells = read_document(author.path).cells
    demo = next(n for n, c in enumerate(cells) if "demo" in c.attributes)
    assert cells[demo].line == author.line('demo="sums"') + 1
    assert cells[demo + 1].source == PROSE
    assert cells[demo + 1].line == author.line(PROSE)


@pytest.mark.parametrize("change", ["crlf", "bom", "unicode", "tabs", "a blank start"])
def test_editors_may_differ(author: Author, change: str) -> None:
    topic = author.topic()
    text = author.text
    match change:
        case "crlf":
            author.path.write_bytes(text.replace("\n", "\r\n").encode())
        case "bom":
            author.path.write_bytes(text.encode("utf-8-sig"))
        case "unicode":
            author.write(text.replace("One number after", "Ünë → 数 🧮 after"))
        case "tabs":
            author.write(text.replace("    return a + b\n", "\treturn a + b\n", 1))
            author.replace("    ### BEGIN SOLUTION", "\t### BEGIN SOLUTION")
            author.replace('    """Return the sum of two', '\t"""Return the sum of two')
        case _:
            author.write(text.replace("---\n\n# Adding", "---\n\n\n\n# Adding"))
    shift = 2 if change == "a blank start" else 0
    assert [c.line for c in author.topic().cells] == [c.line + shift for c in topic.cells]


def test_a_title_may_speak_of_encodings(author: Author) -> None:
    """Jupytext looks for a PEP 263 declaration in the first lines, `# coding: ...`."""
    author.replace("# Adding numbers", "# Text encoding: bytes and characters")
    assert author.topic().cells[0].source.startswith("# Text encoding: bytes")


def test_python_stays_the_language_among_many_other_fences(author: Author) -> None:
    shell = "\n\n".join('```bash demo="shell"\necho hello\n```' for _ in range(30))
    author.insert_above(PROSE, shell)
    cells = read_document(author.path).cells
    assert {c.language for c in cells} == {"", "bash"}
    assert sum(c.source == "%%bash\necho hello" for c in cells) == 30
    first = next(c for c in cells if c.language)
    assert author.text.split("\n")[first.line - 1] == "echo hello"


def test_a_cell_magic_in_a_python_fence_is_python(author: Author) -> None:
    author.replace('print("one and two make", 1 + 2)', "%%time\nprint(1 + 2)")
    demo = next(c for c in read_document(author.path).cells if "demo" in c.attributes)
    assert (demo.language, demo.line) == ("", author.line("%%time"))


def test_longer_fences_and_fences_in_regions_and_strings_are_read_whole(author: Author) -> None:
    author.insert_above(PROSE, "````text\n```python\nnot a cell\n```\n````")
    author.insert_above(PROSE, "~~~text\n```\n~~~")
    author.replace("Return what it gives.", "Return what it gives:\n\n```text\n-->\n```")
    topic = author.topic()
    assert topic.exercises[0].hints[2].cell.source.endswith("```text\n-->\n```")
    assert sum("not a cell" in c.source for c in topic.cells if c.kind == "markdown") == 1
