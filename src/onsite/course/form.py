"""The rules of a good topic, each a small function that yields what breaks it."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

from onsite.course.compiler import stub
from onsite.course.model import Alternative, Cell, Check, Exercise, Hint, Topic, WrongAnswer
from onsite.course.problems import Problem

SERVICES = ("celery", "kafka", "memcached", "nginx", "oidc", "pgbouncer", "postgres",
            "postgres-replica", "redis", "s3", "supervisor")  # fmt: skip
SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
HINTS = 3
WRONG_ANSWERS = 3
# So many consecutive solution lines, with so many characters in all, give the answer away.
GIVEAWAY_LINES = 3
GIVEAWAY_CHARACTERS = 80
# Names that a cell may use without defining them: IPython's own.
_AMBIENT = {
    *dir(builtins),
    "get_ipython",
    "display",
    "In",
    "Out",
    "_",
    "__",
    "__name__",
    "__file__",
}


def problems(topic: Topic) -> Iterator[Problem]:
    """Everything that keeps a readable topic from being a good one."""
    yield from _title(topic)
    yield from _syllabus(topic)
    yield from _python(topic)
    yield from _counts(topic)
    for exercise in topic.exercises:
        yield from _markers(topic, exercise)
        yield from _distinct(topic, exercise)
    yield from _order(topic)
    yield from _dependencies(topic)
    yield from _giveaways(topic)


def repeated_ids(topics: Sequence[Topic]) -> Iterator[Problem]:
    """Exercise and answer ids that two topics, or an exercise and an answer, share.

    Answers may share an id across topics (every topic has a `say-it`), since they are only named
    within their own notebook; exercises may not, since `%check` names them without a topic.
    """
    seen: dict[str, Topic] = {}
    for topic in topics:
        own: set[str] = {exercise.id for exercise in topic.exercises}
        for exercise in topic.exercises:
            if exercise.id in seen:
                other = seen[exercise.id]
                yield Problem(
                    topic.path, exercise.solution.line, f"exercise {exercise.id}",
                    f"{other.path}:{_line_of(other, exercise.id)} has an exercise of that id",
                    "choose another id",
                )  # fmt: skip
            seen[exercise.id] = topic
        for answer in topic.answers:
            if answer.id in own:
                yield Problem(
                    topic.path, answer.cell.line, f"answer {answer.id}",
                    "another cell of the topic has that id", "choose another id",
                )  # fmt: skip
            own.add(answer.id)


def _line_of(topic: Topic, exercise: str) -> int:
    return next(e.solution.line for e in topic.exercises if e.id == exercise)


def _problem(topic: Topic, cell: Cell, what: str, cure: str) -> Problem:
    name = f"{cell.role} {cell.name}".strip()
    return Problem(topic.path, cell.line, name, what, cure)


def _title(topic: Topic) -> Iterator[Problem]:
    first = topic.cells[0] if topic.cells else None
    if first is None or first.kind != "markdown" or not first.source.startswith("# "):
        line = first.line if first else 0
        yield Problem(
            topic.path, line, "", "the first cell is no title", f"start with `# {topic.title}`"
        )


def _syllabus(topic: Topic) -> Iterator[Problem]:
    planned = {question.id for question in topic.plan.questions}
    for missing in sorted(planned - set(topic.questions)):
        yield Problem(topic.path, 1, "", f"question {missing} is missing", "add it to `questions:`")
    for strange in sorted(set(topic.questions) - planned):
        yield Problem(
            topic.path, 1, "", f"the syllabus gives this topic no question {strange}", "drop it"
        )
    for service in topic.services:
        if service not in SERVICES:
            yield Problem(
                topic.path, 1, "", f"unknown service {service}", f"use {', '.join(SERVICES)}"
            )


def _python(topic: Topic) -> Iterator[Problem]:
    for cell in topic.cells:
        if cell.kind != "code":
            continue
        try:
            parse(cell.source)
        except SyntaxError as error:
            yield Problem(
                topic.path, cell.line + (error.lineno or 1) - 1, f"{cell.role} {cell.name}".strip(),
                f"not Python: {error.msg}", "mend the code (text, no cell: ```sql .noeval)",
            )  # fmt: skip


def _counts(topic: Topic) -> Iterator[Problem]:
    if not 1 <= len(topic.exercises) <= 4:
        yield Problem(
            topic.path, 0, "", f"it has {len(topic.exercises)} exercises", "write two to four"
        )
    if not topic.answers:
        yield Problem(
            topic.path, 0, "", "it has no written answer", 'add a region answer="say-it" points=4'
        )
    for exercise in topic.exercises:
        cell = exercise.solution
        if not exercise.checks:
            yield _problem(
                topic, cell, "it has no check", f'add a cell check="{exercise.id}" points=1'
            )
        if len(exercise.hints) != HINTS:
            yield _problem(
                topic, cell, f"it has {len(exercise.hints)} hints",
                f"write {HINTS}: a question, a direction, the key step",
            )  # fmt: skip
        if len(exercise.wrong) < WRONG_ANSWERS:
            yield _problem(
                topic, cell, f"it has {len(exercise.wrong)} wrong answers",
                f"write at least {WRONG_ANSWERS} that people really give",
            )  # fmt: skip
        if not exercise.alternatives:
            yield _problem(
                topic, cell, "it has no alternative solution",
                f'add a cell alternative="{exercise.id}" idea="..."',
            )  # fmt: skip


def _markers(topic: Topic, exercise: Exercise) -> Iterator[Problem]:
    solution = exercise.solution
    broken = _unbalanced(solution.source, *SOLUTION)
    if broken:
        yield _problem(topic, solution, broken, "write BEGIN and END SOLUTION in pairs")
    elif SOLUTION[0] not in solution.source:
        yield _problem(
            topic, solution, "no part of it is marked as solution",
            f"put the answer between {SOLUTION[0]} and {SOLUTION[1]}",
        )  # fmt: skip
    else:
        try:
            parse(stub(solution.source))
        except SyntaxError as error:
            yield _problem(
                topic, solution, f"without the solution it is not Python ({error.msg})",
                "keep signatures outside the markers",
            )  # fmt: skip
    for check in exercise.checks:
        if broken := _unbalanced(check.cell.source, *HIDDEN):
            yield _problem(topic, check.cell, broken, "write BEGIN and END HIDDEN TESTS in pairs")
    for cell in topic.cells:
        if cell.role in ("plain", "demo", "check") and SOLUTION[0] in cell.source:
            yield _problem(
                topic, cell, "a solution marker in a cell that is no exercise", "move it"
            )
        if cell.role != "check" and HIDDEN[0] in cell.source:
            yield _problem(topic, cell, "hidden tests in a cell that is no check", "move them")


def _unbalanced(source: str, begin: str, end: str) -> str:
    """What is wrong with the markers of a cell, or nothing."""
    is_open = False
    for number, line in enumerate(source.splitlines(), 1):
        if begin in line:
            if is_open:
                return f"line {number} of the cell opens a region that is open already"
            is_open = True
        elif end in line:
            if not is_open:
                return f"line {number} of the cell closes a region that is not open"
            is_open = False
    return "a region is opened and never closed" if is_open else ""


def _distinct(topic: Topic, exercise: Exercise) -> Iterator[Problem]:
    seen = {_normal(exercise.solution.source): "the solution"}
    ideas: set[str] = set()
    others: list[WrongAnswer | Alternative] = [*exercise.wrong, *exercise.alternatives]
    for other in others:
        code = _normal(other.cell.source)
        if code in seen:
            yield _problem(topic, other.cell, f"it is the same as {seen[code]}", "write another")
        seen[code] = f"the one on line {other.cell.line}"
        if other.idea in ideas:
            yield _problem(
                topic, other.cell, f"the idea {other.idea!r} is there twice", "say how it differs"
            )
        ideas.add(other.idea)


def _normal(source: str) -> str:
    """Code without comments, markers and layout, to compare by meaning."""
    try:
        return ast.dump(parse(source))
    except SyntaxError:
        return source


def _order(topic: Topic) -> Iterator[Problem]:
    for exercise in topic.exercises:
        parts: list[Check | Hint] = [*exercise.checks, *exercise.hints]
        for part in parts:
            if part.cell.line < exercise.solution.line:
                yield _problem(
                    topic, part.cell, "it stands above its exercise", "move it below the solution"
                )


def _dependencies(topic: Topic) -> Iterator[Problem]:
    """Names that a graded run would not have: bound below, bound only in demos, or nowhere.

    A graded run executes plain cells, exercises and checks from top to bottom and skips demos.
    """
    graded = [
        c for c in topic.cells if c.role in ("plain", "exercise", "check") and c.kind == "code"
    ]
    demos = [c for c in topic.cells if c.role == "demo"]
    try:
        bound_by = {id(cell): _bound(cell.source) for cell in (*graded, *demos)}
        used_by = {id(cell): _used(cell.source) for cell in graded}
    except SyntaxError:
        return  # told by _python
    available = set(_AMBIENT)
    for number, cell in enumerate(graded):
        bound = bound_by[id(cell)]
        if "*" in bound:
            return
        available |= bound
        below = set().union(*(bound_by[id(later)] for later in graded[number + 1 :]))
        in_demos = set().union(*(bound_by[id(demo)] for demo in demos))
        for name in sorted(used_by[id(cell)] - available):
            if name in below and cell.role == "check":
                yield _problem(
                    topic, cell, f"it uses {name}, which a cell below defines", "define it above"
                )
            elif name in in_demos:
                yield _problem(
                    topic, cell, f"it uses {name}, which only a demo defines",
                    "move the definition to a plain cell (grading skips demos)",
                )  # fmt: skip
            elif name not in below:
                yield _problem(
                    topic, cell, f"it uses {name}, which no cell defines", "define or import it"
                )


def _bound(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)) | ast.arg(arg=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {(a.asname or a.name).split(".")[0] for a in aliases}
            case ast.Global(names=declared):
                names |= set(declared)
            case _ if type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
                names.add(str(getattr(node, "name", "")))
    return names


def _used(source: str) -> set[str]:
    return {
        node.id
        for node in ast.walk(parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _giveaways(topic: Topic) -> Iterator[Problem]:
    released = [
        (cell, _lines(_visible(cell)))
        for cell in topic.cells
        if cell.role in ("plain", "demo", "exercise", "check", "hint")
    ]
    for exercise in topic.exercises:
        runs = list(_telling_runs(_solution_lines(exercise.solution.source)))
        for cell, lines in released:
            text = "\n".join(lines)
            if any(run in text for run in runs):
                yield _problem(
                    topic, cell, f"it shows {GIVEAWAY_LINES} solution lines of {exercise.id}",
                    "keep the answer out of what students see",
                )  # fmt: skip


def _telling_runs(lines: list[str]) -> Iterator[str]:
    for start in range(len(lines) - GIVEAWAY_LINES + 1):
        run = "\n".join(lines[start : start + GIVEAWAY_LINES])
        if len(run) >= GIVEAWAY_CHARACTERS:
            yield run


def _lines(source: str) -> list[str]:
    return [line.strip() for line in source.splitlines() if line.strip()]


def _solution_lines(source: str) -> list[str]:
    return _lines("\n".join(_regions(source, *SOLUTION)))


def _visible(cell: Cell) -> str:
    """What a student sees of a cell."""
    markers = SOLUTION if cell.role == "exercise" else HIDDEN
    hidden = _regions(cell.source, *markers)
    text = cell.source
    for region in hidden:
        text = text.replace(region, "")
    return text


def _regions(source: str, begin: str, end: str) -> list[str]:
    pattern = re.compile(f"{re.escape(begin)}[^\n]*\n(.*?)[^\n]*{re.escape(end)}", re.DOTALL)
    return pattern.findall(source)


def parse(source: str) -> ast.Module:
    """Parse a notebook cell: Python with top-level await and IPython's magics.

    Raises:
        SyntaxError: it is neither.
    """
    try:
        return _compile(source)
    except SyntaxError:
        # IPython is slow to import, and few cells need it.
        from IPython.core.inputtransformer2 import TransformerManager

        return _compile(TransformerManager().transform_cell(source))


def _compile(source: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, "<cell>", "exec", flags)
    assert isinstance(tree, ast.Module)  # noqa: S101 - for the type checker; ONLY_AST promises it
    return tree
