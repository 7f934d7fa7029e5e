"""The rules of a good topic, each a small function that yields what breaks it."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Sequence

from onsite.course.compiler import SERVICE_NAMES, grade_ids, stub
from onsite.course.model import Alternative, Cell, Check, Exercise, Hint, Topic, WrongAnswer
from onsite.course.problems import Problem

SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
HINTS = 3
WRONG_ANSWERS = 3
# So many consecutive solution lines, with so many characters in all, give the answer away.
GIVEAWAY_LINES = 3
GIVEAWAY_CHARACTERS = 80
# Cells that nbgrader clears as a whole (answers) or that notebooks do not have may hold anything.
_IN_NOTEBOOKS = ("plain", "demo", "exercise", "check", "hint", "rubric")
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
    "__class__",
    "__qualname__",
    "__annotations__",
    "__builtins__",
}


def problems(topic: Topic) -> Iterator[Problem]:
    """Everything that keeps a readable topic from being a good one."""
    yield from _title(topic)
    yield from _syllabus(topic)
    yield from _python(topic)
    yield from _counts(topic)
    yield from _markers(topic)
    for exercise in topic.exercises:
        yield from _solution(topic, exercise)
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
        for exercise in topic.exercises:
            if exercise.id in seen:
                other = seen[exercise.id]
                yield Problem(
                    topic.path, exercise.solution.line, f"exercise {exercise.id}",
                    f"{other.path}:{_line_of(other, exercise.id)} has an exercise of that id",
                    "choose another id",
                )  # fmt: skip
            seen[exercise.id] = topic
        own: set[str] = set()
        for grade_id, cell in grade_ids(topic):
            if grade_id in own:
                yield _problem(
                    topic, cell, f"another cell of the topic has the grade id {grade_id}",
                    "choose another id",
                )  # fmt: skip
            own.add(grade_id)


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
    line = topic.header_lines.get("questions", 1)
    planned = {question.id for question in topic.plan.questions}
    for missing in sorted(planned - set(topic.questions)):
        what = f"question {missing} is missing"
        yield Problem(topic.path, line, "", what, "add it to `questions:`")
    for strange in sorted(set(topic.questions) - planned):
        what = f"the syllabus gives this topic no question {strange}"
        yield Problem(topic.path, line, "", what, "drop it")
    line = topic.header_lines.get("services", 1)
    for service in topic.services:
        if service not in SERVICE_NAMES:
            cure = f"use {', '.join(SERVICE_NAMES)}"
            yield Problem(topic.path, line, "", f"unknown service {service}", cure)


def _python(topic: Topic) -> Iterator[Problem]:
    for cell in topic.cells:
        if cell.kind != "code":
            continue
        try:
            _compile_fully(cell.source)
        except SyntaxError as error:
            yield Problem(
                topic.path, cell.line + (error.lineno or 1) - 1, f"{cell.role} {cell.name}".strip(),
                f"not Python: {error.msg}", "mend the code (text, no cell: ```text)",
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


def _solution(topic: Topic, exercise: Exercise) -> Iterator[Problem]:
    """The solution is marked, and what is left without it is a stub that runs."""
    solution = exercise.solution
    if _unbalanced(solution.source, *SOLUTION):
        return  # told by _markers
    if SOLUTION[0] not in solution.source:
        yield _problem(
            topic, solution, "no part of it is marked as solution",
            f"put the answer between {SOLUTION[0]} and {SOLUTION[1]}",
        )  # fmt: skip
        return
    try:
        _compile_fully(stub(solution.source))
    except SyntaxError as error:
        yield _problem(
            topic, solution, f"without the solution it is not Python ({error.msg})",
            "keep signatures outside the markers",
        )  # fmt: skip


def _markers(topic: Topic) -> Iterator[Problem]:
    """Markers for nbgrader come in pairs, and only in the cells that it clears."""
    for cell in topic.cells:
        for markers, role in ((SOLUTION, "exercise"), (HIDDEN, "check")):
            kind = markers[0].removeprefix("### BEGIN ")
            if cell.role == role:
                if broken := _unbalanced(cell.source, *markers):
                    yield _problem(topic, cell, broken, f"write BEGIN and END {kind} in pairs")
            elif cell.role in _IN_NOTEBOOKS and any(mark in cell.source for mark in markers):
                yield _problem(
                    topic, cell, f"a {kind} marker in a cell that is no {role}", "move it"
                )


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
        bound_by = {id(cell): bound_names(cell.source) for cell in (*graded, *demos)}
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


def bound_names(source: str) -> set[str]:
    """Every name that a cell may bind, at any depth; `*` when it imports everything.

    Raises:
        SyntaxError: it is not Python.
    """
    """The names that a cell binds, at any depth; `*` among them if that cannot be known."""
    if source.startswith("%%"):
        return {"*"}  # to IPython the code below a cell magic is a string
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
        (cell, _lines(_visible(cell))) for cell in topic.cells if cell.role in _IN_NOTEBOOKS
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
    return _region(*markers).sub("", cell.source)


def _regions(source: str, begin: str, end: str) -> list[str]:
    return _region(begin, end).findall(source)


def _region(begin: str, end: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(begin)}[^\n]*\n(.*?)[^\n]*{re.escape(end)}", re.DOTALL)


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


def _compile_fully(source: str) -> None:
    """Find what only the whole compiler refuses too, such as a `return` outside a function.

    Raises:
        SyntaxError: it is no Python that a notebook could run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(parse(source), "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _compile(source: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(source, "<cell>", "exec", flags, dont_inherit=True)
    except ValueError as error:  # a null byte, before Python 3.12
        raise SyntaxError(str(error)) from None
    assert isinstance(tree, ast.Module)  # noqa: S101 - for the type checker; ONLY_AST promises it
    return tree
