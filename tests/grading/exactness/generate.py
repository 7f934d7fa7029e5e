"""Submissions as honest students hand them in: a seed, a base, some habits, a time.

The base says how much of the exercises is solved; each habit changes the notebook in a way that
real students do. Nothing here tries to cheat; tests/hostile/ is for that.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from tests.grading.exactness.course import Module, Pieces

from onsite.grading.referee.instrument import bound_by, defined_by

DUE = datetime(2026, 11, 20, 12)
#: How many submissions of each module; stock nbgrader takes two to eight seconds for one.
COUNTS = {
    "00-ordinary": 84,
    "01-basics": 64,
    "05-concurrency": 24,
    "11-apis": 24,
    "16-interview": 50,
    "06-sql": 26,
    "01-values": 20,
    "03-functions": 8,
}

Edit = Callable[[NotebookNode, Pieces, random.Random], None]


@dataclass(frozen=True, slots=True)
class Handed:
    """One submission and its story.

    `notebooks` are by name, without those that were not handed in. `submitted` is in UTC, None
    without a timestamp.txt. `again` is what the student hands in for the second grading, if so.
    """

    student: str
    module: str
    story: str
    submitted: datetime | None
    notebooks: dict[str, NotebookNode]
    again: Handed | None = field(default=None)

    def digest(self) -> str:
        """A name of all that can matter to a grade, which changes when the topics' code does."""
        seen = blake2b(repr((self.submitted, self.again and self.again.digest())).encode())
        for name, notebook in sorted(self.notebooks.items()):
            cells = [
                (cell.cell_type, cell.source, cell.metadata.get("nbgrader"))
                for cell in notebook.cells
                if cell.cell_type == "code" or "nbgrader" in cell.metadata
            ]
            seen.update(json.dumps((name, cells), sort_keys=True).encode())
        return seen.hexdigest()[:12]


def generate(module: Module) -> list[Handed]:
    """The submissions of one module, the same ones each time."""
    chance = random.Random(f"exactness of {module.name}")  # noqa: S311
    count = COUNTS[module.name]
    handed = [_one(module, number, chance) for number in range(count)]
    for number in range(4, count, 9):
        first = handed[number]
        later = _one(module, number, chance)
        handed[number] = Handed(
            first.student, first.module, first.story, first.submitted, first.notebooks, later
        )
    return handed


def _one(module: Module, number: int, chance: random.Random) -> Handed:
    # Each base and each habit gets its turn in every module; the dice do the rest.
    base = list(BASES)[number % len(BASES)]
    usual = HABITS_OF.get(module.name, list(HABITS))
    habits = [usual[number % len(usual)]]
    if chance.random() < 0.3:
        habits.append(chance.choice(usual))
    notebooks = copy.deepcopy(module.release)
    for name, notebook in notebooks.items():
        _number_cells(notebook)
        BASES[base](notebook, module.pieces[name], chance)
        _say(notebook, module.pieces[name], chance)
        for habit in habits:
            (HABITS | MORE_HABITS)[habit](notebook, module.pieces[name], chance)
        _number_cells(notebook)
    story = " + ".join([base, *habits])
    if len(notebooks) > 1 and chance.random() < 0.25:
        gone = chance.choice(sorted(notebooks))
        del notebooks[gone]
        story += f" + no {gone}"
    when = chance.choice(
        [None, DUE - timedelta(hours=3), DUE, DUE + timedelta(minutes=chance.randrange(1, 900))]
    )
    return Handed(f"{module.name[:2]}-{number:03}", module.name, story, when, notebooks)


def _number_cells(notebook: NotebookNode) -> None:
    """Ids that do not come from the dice of nbformat."""
    for number, cell in enumerate(notebook.cells):
        cell.pop("id", None)
        if notebook.nbformat_minor > 4:
            cell["id"] = f"s{number}"


def _cell(notebook: NotebookNode, grade_id: str) -> NotebookNode | None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
            return cell
    return None


def _write(notebook: NotebookNode, grade_id: str, source: str) -> None:
    cell = _cell(notebook, grade_id)
    if cell is not None:
        cell["source"] = source


def _exercises(notebook: NotebookNode, pieces: Pieces) -> list[NotebookNode]:
    return [cell for each in pieces.right if (cell := _cell(notebook, each)) is not None]


# --- how much is solved -----------------------------------------------------------------------


def right(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """All of it, by the course's solutions and alternatives."""
    for exercise, answers in pieces.right.items():
        _write(notebook, exercise, chance.choice(answers))


def partly(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Some exercises solved, some wrong, some not begun."""
    for exercise in pieces.right:
        answers = chance.choice([pieces.right[exercise], pieces.wrong[exercise], ()])
        if answers:
            _write(notebook, exercise, chance.choice(answers))


def wrong(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """The mistakes that people make."""
    for exercise, answers in pieces.wrong.items():
        _write(notebook, exercise, chance.choice(answers))


def untouched(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """As it was handed out."""


def raising(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Solved, but for one cell that raises."""
    right(notebook, pieces, chance)
    cell = chance.choice(_exercises(notebook, pieces))
    mishap = chance.choice(["1 / 0", "raise RuntimeError('later')", "undefined_name", "[][3]"])
    cell["source"] = chance.choice([f"{mishap}\n{cell.source}", f"{cell.source}\n\n{mishap}"])


def syntax(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Solved, but for one cell that is not Python."""
    right(notebook, pieces, chance)
    cell = chance.choice(_exercises(notebook, pieces))
    cell["source"] += chance.choice(["\ndef (", "\n  x = 1\n y = 2", "\nreturn return", "\n'open"])


BASES: dict[str, Edit] = {
    each.__name__: each for each in (right, partly, wrong, partly, raising, untouched, syntax)
}


def _say(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    for answer in pieces.answers:
        cell = _cell(notebook, answer)
        if cell is not None and chance.random() < 0.6:
            words = chance.choice(["It depends.", "See above, häufig 50 %.", "# Answer\n\n- *one*"])
            cell["source"] = chance.choice([words, f"{cell.source}\n\n{words}"])


# --- habits -----------------------------------------------------------------------------------


def plain(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Nothing but answers."""


def _insert(notebook: NotebookNode, chance: random.Random, *cells: NotebookNode) -> None:
    for cell in cells:
        notebook.cells.insert(chance.randrange(1, len(notebook.cells) + 1), cell)


def extra_cells(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Notes, tries, empty cells, anywhere; some fail."""
    tries = [
        "x = 1",
        "",
        "print('so far so good')",
        "1 / 0",
        "sum(range(10))",
        "%time y = 2",
        "?len",
    ]
    _insert(
        notebook,
        chance,
        new_markdown_cell("My notes."),
        *(new_code_cell(source) for source in chance.sample(tries, 3)),
    )


def helpers(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """An answer that leans on a cell of the student's own, above or (too late) below it."""
    cell = chance.choice(_exercises(notebook, pieces))
    at = notebook.cells.index(cell) + chance.choice([0, 0, 1])
    helper = "import functools\n\ndef note(thing):\n    return thing\n\nnote(1)"
    notebook.cells.insert(at, new_code_cell(helper))
    cell["source"] = f"note('start')\n{cell.source}"


def top_level_await(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Asynchronous code as IPython takes it."""
    _insert(notebook, chance, new_code_cell("import asyncio\nawait asyncio.sleep(0)\n'awaited'"))
    cell = chance.choice(_exercises(notebook, pieces))
    cell["source"] += "\n\nawait __import__('asyncio').sleep(0)"


def displays(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Tables, charts, and prints, also while a check runs."""
    html = "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))\ndisplay(3)\n4"
    _insert(notebook, chance, new_code_cell(html))
    cell = chance.choice(_exercises(notebook, pieces))
    cell["source"] += "\n\nprint('defined')\nfor _ in range(1200):\n    print(_)\n[1, 2]"


def magics(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """What IPython can do besides."""
    _insert(
        notebook,
        chance,
        new_code_cell("%%time\nz = 1"),
        new_code_cell("found = !echo hello\nfound"),
        new_code_cell("%config InlineBackend.figure_format = 'svg'\n%pwd"),
    )
    cell = chance.choice(_exercises(notebook, pieces))
    cell["source"] = f"%precision 2\n{cell.source}"


def reordered(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """A cell moved to where it seemed to belong."""
    cell = chance.choice(notebook.cells[1:])
    notebook.cells.remove(cell)
    notebook.cells.insert(chance.randrange(1, len(notebook.cells) + 1), cell)


def ran_before(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Saved with what it showed at home."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and chance.random() < 0.7:
            cell["execution_count"] = number
            cell["outputs"] = [new_output("stream", name="stderr", text="old\n")]


def edited_checks(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """A visible check that was changed while looking for the mistake."""
    checks = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    cell = chance.choice(checks)
    if not cell.metadata.nbgrader["solution"]:
        cell["source"] = f"print('here')\n# {cell.source}"


def asks(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Waits for a person, and leaves as scripts do."""
    _insert(
        notebook,
        chance,
        new_code_cell("name = input('your name? ')"),
        new_code_cell("import sys\nsys.exit('done')"),
    )


def older_format(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Saved by a Jupyter of years ago, which knows no ids of cells."""
    notebook["nbformat_minor"] = 4


def no_check(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Lost a check."""
    _lose(notebook, chance, lambda meta: meta.get("grade") and not meta.get("solution"))


def no_exercise(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Lost a cell to write code in."""
    _lose(notebook, chance, lambda meta: meta.get("solution") and not meta.get("grade"))


def no_answer(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Lost a cell to write words in."""
    _lose(notebook, chance, lambda meta: meta.get("solution") and meta.get("grade"))


def no_helper(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Lost a cell of the instructor's that earns nothing."""
    _lose(notebook, chance, lambda meta: meta.get("locked") and not meta.get("grade"))


def _lose(
    notebook: NotebookNode, chance: random.Random, of_kind: Callable[[dict[str, bool]], object]
) -> None:
    found = [cell for cell in notebook.cells if of_kind(cell.metadata.get("nbgrader", {}))]
    if found:
        notebook.cells.remove(chance.choice(found))


def twice(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Copied a cell, and with it what nbgrader knows it by."""
    known = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id")]
    cell = chance.choice(known)
    notebook.cells.insert(notebook.cells.index(cell) + 1, copy.deepcopy(cell))


def warns(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Code that warns on standard error each time it is called."""
    for cell in _exercises(notebook, pieces):
        lines = []
        for line in cell.source.split("\n"):
            lines.append(line)
            if line.startswith("def ") and line.rstrip().endswith(":"):
                lines.append("    __import__('sys').stderr.write('slow\\n')")
        cell["source"] = "\n".join(lines)


def no_colon(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """Forgot the colon of a class, mostly the first, so that there is none of that name."""
    classes = [cell for cell in _exercises(notebook, pieces) if "class " in cell.source]
    cell = chance.choice([*classes, classes[0]])
    cell["source"] = re.sub(r"^(class .*):$", r"\1", cell.source, count=1, flags=re.M)


def leans_on_a_demo(notebook: NotebookNode, pieces: Pieces, chance: random.Random) -> None:
    """An answer that uses what a demo above it has imported."""
    cell = chance.choice(_exercises(notebook, pieces))
    above = notebook.cells[: notebook.cells.index(cell)]
    roles = [(each, each.metadata.get("onsite", {}).get("role")) for each in above]
    mine = {name for each, role in roles if role == "setup" for name in bound_by(each.source)}
    demos = [each.source for each, role in roles if role == "demo"]
    names = {name for source in demos for name, _ in defined_by(source)} - mine
    cell["source"] = f"{chance.choice(sorted(names))}\n{cell.source}"


HABITS: dict[str, Edit] = {
    each.__name__: each
    for each in (
        plain,
        helpers,
        top_level_await,
        displays,
        extra_cells,
        magics,
        reordered,
        ran_before,
        edited_checks,
        asks,
        older_format,
        no_check,
        no_exercise,
        no_answer,
        no_helper,
        twice,
        warns,
    )
}
MORE_HABITS: dict[str, Edit] = {each.__name__: each for each in (no_colon, leans_on_a_demo)}

#: The habits of those modules that do not have their turn with all of `HABITS`.
HABITS_OF: dict[str, list[str]] = {
    "01-values": ["no_colon", "helpers", "reordered", "twice", "no_colon", "no_helper", "plain"],
    "03-functions": ["leans_on_a_demo", "plain", "leans_on_a_demo", "twice", "extra_cells"],
}
