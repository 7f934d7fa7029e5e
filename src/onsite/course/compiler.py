"""From a topic to nbgrader's instructor notebook (metadata schema 3), and to a student's view."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from onsite.course.model import Answer, Cell, Check, Exercise, Topic

SCHEMA_VERSION = 3
_DEFINED = re.compile(r"^(?:async def|def|class)\s+(\w+)", re.MULTILINE | re.ASCII)
_ASSIGNED = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE | re.ASCII)
#: A link to another topic, as it is written in notebooks/.
_TO_TOPIC = re.compile(r"\]\((?!\w+:)([^()\s#]+)\.md(?:#[^()\s]*)?\)")
LOAD = "# The course's magics (%check, %hint, %solution) and chart style.\n%load_ext onsite"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SERVICE_NAMES = {
    "celery": "Celery", "kafka": "Kafka's protocol", "memcached": "memcached", "nginx": "nginx",
    "oidc": "OpenID Connect", "pgbouncer": "PgBouncer", "postgres": "PostgreSQL",
    "postgres-replica": "PostgreSQL with a replica", "redis": "Valkey (Redis protocol)",
    "s3": "S3", "supervisor": "Supervisor",
}  # fmt: skip


def compile_topic(topic: Topic) -> NotebookNode:
    """Compile a topic to its source/ notebook.

    The result depends on the topic alone: cell ids are hashes of content, there are no outputs and
    no times. Wrong answers, alternatives and accepted survivors, which only the proof needs, are
    left out.
    """
    cells = _give_ids(topic, list(_cells(topic)))
    notebook: NotebookNode = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": KERNELSPEC,
            "language_info": {"name": "python"},
            "onsite": {"module": topic.module, "topic": topic.id, "title": topic.title},
        },
    )
    return notebook


def grade_ids(topic: Topic) -> Iterator[tuple[str, Cell]]:
    """Every grade_id of the compiled notebook and the cell it comes from, in course order."""
    yield from _setup_ids(topic)
    for exercise in topic.exercises:
        yield exercise.id, exercise.solution
        for check in exercise.checks:
            yield check.id, check.cell
    for answer in topic.answers:
        yield answer.id, answer.cell


def student_version(notebook: NotebookNode) -> NotebookNode:
    """Take solutions and hidden tests out of a source notebook, by nbgrader's own preprocessors."""
    # Imported here: nbgrader takes a second to import and readers of topics do not need it.
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

    result: NotebookNode = nbformat.from_dict(notebook)
    for preprocessor in (ClearSolutions(), ClearHiddenTests()):
        result, _ = preprocessor.preprocess(result, {})
    return result


def stub(source: str) -> str:
    """What a student sees of an exercise cell with this source."""
    cell = new_code_cell(source, metadata={"nbgrader": _nbgrader("stub", solution=True)})
    notebook = new_notebook(cells=[cell], metadata={"kernelspec": KERNELSPEC})
    return str(student_version(notebook).cells[0].source)


def _cells(topic: Topic) -> Iterator[NotebookNode]:
    """The compiled cells in order, without ids."""
    checks = {id(c.cell): c for e in topic.exercises for c in e.checks}
    exercises = {id(e.solution): e for e in topic.exercises}
    last_checks = {id(e.checks[-1].cell): e for e in topic.exercises if e.checks}
    answers = {id(a.cell): a for a in topic.answers}
    hints = {
        id(hint.cell): (number, len(exercise.hints))
        for exercise in topic.exercises
        for number, hint in enumerate(exercise.hints, 1)
    }
    setup = {id(cell): grade_id for grade_id, cell in _setup_ids(topic)}
    title, _, opening = topic.cells[0].source.partition("\n")
    yield _markdown(f"{title}\n\n{_facts(topic)}")
    yield _code(LOAD, "magic", "load")
    if opening.strip():
        yield _markdown(opening.strip())
    for cell in topic.cells[1:]:
        match cell.role:
            case "plain" if cell.kind == "code":
                yield _folding(cell, _setup_cell(cell, setup[id(cell)]))
            case "plain":
                yield _markdown(cell.source)
            case "demo":
                yield _folding(cell, _code(cell.source, "demo", cell.name))
            case "exercise":
                yield _solution_cell(exercises[id(cell)])
            case "check":
                yield _check_cell(checks[id(cell)])
                if id(cell) in last_checks:
                    exercise = last_checks[id(cell)]
                    yield _code(f"%check {exercise.id}", "magic", exercise.id)
            case "hint":
                number, total = hints[id(cell)]
                yield _folded(f"Hint {number} of {total}", cell, "hint")
            case "answer":
                yield _answer_cell(answers[id(cell)])
            case "rubric":
                yield _folded("What a strong answer reaches", cell, "rubric")
            case "wrong" | "alternative" | "survivor":
                pass


def _facts(topic: Topic) -> str:
    services = ", ".join(SERVICE_NAMES[service] for service in topic.services)
    graded = sum(e.points for e in topic.exercises)
    written = sum(a.points for a in topic.answers)
    count = len(topic.exercises)
    facts = [
        f"{topic.minutes} minutes",
        *([f"runs on {services}"] if services else []),
        f"{count} exercise{'s' if count != 1 else ''}, {graded} points",
        *(
            [f"{written} points for what you write, graded by you or a reader with the rubric"]
            if written
            else []
        ),
    ]
    return f"*{' · '.join(facts)}*"


def _setup_ids(topic: Topic) -> Iterator[tuple[str, Cell]]:
    """The grade ids of setup cells: named after what they define first.

    A number would not do: with a new cell above, a notebook handed in before would get the wrong
    cell restored in grading.
    """
    seen: Counter[str] = Counter()
    for cell in topic.cells[1:]:
        if cell.role == "plain" and cell.kind == "code":
            found = _DEFINED.search(cell.source) or _ASSIGNED.search(cell.source)
            name = found[1] if found else "imports"
            seen[name] += 1
            number = f"-{seen[name]}" if seen[name] > 1 else ""
            yield f"{topic.id}-setup-{name}{number}", cell


def _setup_cell(cell: Cell, grade_id: str) -> NotebookNode:
    """Imports and helpers that exercises and checks rely on: nbgrader restores them in grading."""
    node = _code(cell.source, "setup", "")
    node.metadata["nbgrader"] = _nbgrader(grade_id, locked=True)
    return node


def _solution_cell(exercise: Exercise) -> NotebookNode:
    node = _code(exercise.solution.source, "exercise", exercise.id)
    node.metadata["nbgrader"] = _nbgrader(exercise.id, solution=True)
    return node


def _check_cell(check: Check) -> NotebookNode:
    node = _code(check.cell.source, "check", check.exercise)
    node.metadata["onsite"]["about"] = check.about
    node.metadata["nbgrader"] = _nbgrader(check.id, grade=True, locked=True, points=check.points)
    return node


def _answer_cell(answer: Answer) -> NotebookNode:
    node = _markdown(answer.cell.source)
    node.metadata["onsite"] = {"role": "answer", "name": answer.id}
    node.metadata["nbgrader"] = _nbgrader(
        answer.id, grade=True, solution=True, points=answer.points
    )
    return node


def _folded(summary: str, cell: Cell, role: str) -> NotebookNode:
    node = _markdown(
        f"<details>\n<summary>{summary}</summary>\n\n{cell.source.strip()}\n\n</details>"
    )
    node.metadata["onsite"] = {"role": role, "name": cell.name}
    return node


def _folding(cell: Cell, node: NotebookNode) -> NotebookNode:
    """The compiled cell, folded in JupyterLab if its author folded it."""
    if cell.folded:
        node.metadata["jupyter"] = {"source_hidden": True}
    return node


def _code(source: str, role: str, name: str) -> NotebookNode:
    node: NotebookNode = new_code_cell(source, metadata={"onsite": {"role": role, "name": name}})
    return node


def _markdown(source: str) -> NotebookNode:
    """A Markdown cell, whose links to other topics lead to their notebooks.

    The heading is left out of such a link: JupyterLab names headings otherwise than code hosts do.
    """
    node: NotebookNode = new_markdown_cell(_TO_TOPIC.sub(r"](\1.ipynb)", source))
    return node


def _nbgrader(
    grade_id: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: int | None = None,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": SCHEMA_VERSION,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    return metadata


def _give_ids(topic: Topic, cells: list[NotebookNode]) -> list[NotebookNode]:
    """Give each cell an id that moves with its content, so that a diff shows what changed."""
    seen: dict[str, int] = {}
    for cell in cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        key = f"{topic.module}/{topic.id}/{grade_id or cell.source}"
        seen[key] = seen.get(key, 0) + 1
        digest = hashlib.sha256(f"{key}/{seen[key]}".encode()).hexdigest()
        cell["id"] = digest[:12]
    return cells
