"""From Markdown files to `Topic` and `Course`: roles, grouping, and every form error at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from onsite.course import form
from onsite.course.exercises import all_exercises, topic_files
from onsite.course.layout import Layout
from onsite.course.markdown import Document, RawCell, read_document
from onsite.course.model import (
    Alternative,
    Answer,
    Cell,
    Check,
    Course,
    Exercise,
    Hint,
    Role,
    Survivor,
    Topic,
    TopicPlan,
    WrongAnswer,
)
from onsite.course.problems import FormError, Problem
from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError, sentence, suggestion

HEADER_KEYS = ("title", "minutes", "services", "questions", "requires")
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class _RoleRule:
    """Which cells may play a role, and with which further attributes."""

    kind: Literal["code", "markdown"]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


ROLES: Mapping[Role, _RoleRule] = {
    "demo": _RoleRule("code"),
    "exercise": _RoleRule("code"),
    "check": _RoleRule("code", ("points",), ("about",)),
    "hint": _RoleRule("markdown"),
    "wrong": _RoleRule("code", ("idea", "expect")),
    "alternative": _RoleRule("code", ("idea",)),
    "answer": _RoleRule("markdown", ("points",)),
    "rubric": _RoleRule("markdown"),
    "survivor": _RoleRule("markdown", ("change",)),
}
# Cells that may say `folded=true`, to show their output before their code.
FOLDING: tuple[Role, ...] = ("plain", "demo")
ATTRIBUTES = {
    "folded",
    *ROLES,
    *(name for rule in ROLES.values() for name in rule.required + rule.optional),
}
# What JupyterLab and jupytext themselves write on cells; it means nothing to the course.
_FOREIGN = {
    "collapsed", "deletable", "editable", "heading_collapsed", "jp-MarkdownHeadingCollapsed",
    "jupyter", "name", "scrolled", "slideshow", "tags", "title", "trusted", "vscode",
}  # fmt: skip
# A fence that is meant to be a cell.
_FENCE_WITH_ROLE = re.compile(
    r"^\s*(`{3,}|~{3,})[^`]*\s(exercise|check|wrong|alternative|demo)\s*="
)


def read_course(layout: Layout) -> Course:
    """Read the syllabus and every topic written so far.

    Raises:
        OnsiteError: the syllabus is broken.
        FormError: every form error of every topic.
    """
    modules = read_syllabus(layout.syllabus)
    plans = {(topic.module, topic.id): topic for module in modules for topic in module.topics}
    topics: dict[tuple[str, str], Topic] = {}
    problems: list[Problem] = []
    for path in topic_files(layout):
        key = (path.parent.relative_to(layout.notebooks).as_posix(), path.stem)
        if key not in plans:
            problems.append(_unplanned(path, key, list(plans)))
            continue
        try:
            topics[key] = read_topic(path, plans[key])
        except FormError as errors:
            problems.extend(errors.problems)
        else:
            problems.extend(form.problems(topics[key]))
    ordered = tuple(topics[key] for key in plans if key in topics)
    problems.extend(form.repeated_ids(ordered))
    if problems:
        raise FormError(problems)
    return Course(modules, ordered)


def read_topic(path: Path, plan: TopicPlan) -> Topic:
    """Read one topic: its header, its cells and how they belong together.

    The rules of `onsite.course.form` are for authors and are applied by `read_course` only, so
    that a learner's `%check` stays quick.

    Raises:
        FormError: everything that keeps it from being a topic.
    """
    reading = _Reading(read_document(path), plan)
    topic = reading.topic()
    if reading.problems:
        raise FormError(reading.problems)
    return topic


def find_topic(layout: Layout, exercise: str) -> Topic:
    """Find the topic that an exercise is in, reading no other topic.

    Raises:
        OnsiteError: no topic has that exercise.
    """
    known = all_exercises(layout)
    if (path := known.get(exercise)) is not None:
        for module in read_syllabus(layout.syllabus):
            for plan in module.topics:
                if (plan.module, plan.id) == (path.parent.name, path.stem):
                    return read_topic(path, plan)
    raise OnsiteError(
        sentence(
            f"There is no exercise {exercise!r} in the course{suggestion(exercise, list(known))}"
        )
    )


def select_topics(course: Course, names: list[str]) -> tuple[Topic, ...]:
    """The topics named by topic id, `module/topic` or module id, in course order; all if none.

    Raises:
        OnsiteError: a name fits no topic that is written.
    """
    if not names:
        return course.topics
    chosen: set[tuple[str, str]] = set()
    for name in names:
        hits = [t for t in course.topics if name in (t.id, t.module, f"{t.module}/{t.id}")]
        if not hits:
            known = [t.id for t in course.topics] + sorted({t.module for t in course.topics})
            raise OnsiteError(
                sentence(f"No topic or module is called {name!r}{suggestion(name, known)}")
            )
        chosen.update((t.module, t.id) for t in hits)
    return tuple(t for t in course.topics if (t.module, t.id) in chosen)


def _unplanned(path: Path, key: tuple[str, str], plans: list[tuple[str, str]]) -> Problem:
    homes = [module for module, topic in plans if topic == key[1]]
    cure = (
        f"move it to {' or '.join(homes)}/"
        if homes
        else f"name it after a topic of the syllabus{suggestion(key[1], [t for _, t in plans])}"
    )
    name = "/".join(key).removeprefix("./")
    return Problem(path, 0, "", f"the syllabus has no topic {name}", cure)


class _Reading:
    """One pass over a document that collects parts and problems side by side."""

    def __init__(self, document: Document, plan: TopicPlan) -> None:
        self.document = document
        self.plan = plan
        self.problems: list[Problem] = []
        self.attributes: dict[int, Mapping[str, Any]] = {}  # by id() of the cell
        self.cells = tuple(self._cell(raw) for raw in document.cells)

    def topic(self) -> Topic:
        """Group the cells into a topic (only meaningful when there are no problems)."""
        header = self._header()
        return Topic(
            plan=self.plan,
            path=self.document.path,
            title=header["title"],
            minutes=header["minutes"],
            services=tuple(header["services"]),
            questions=tuple(header["questions"]),
            cells=self.cells,
            exercises=tuple(self._exercises()),
            answers=tuple(self._answers()),
            survivors=tuple(
                Survivor(cell.name, str(self._get(cell, "change")), cell.source.strip())
                for cell in self._of("survivor")
            ),
            header_lines=self.document.header_lines,
        )

    def _problem(self, line: int, cell: str, what: str, cure: str) -> None:
        self.problems.append(Problem(self.document.path, line, cell, what, cure))

    def _get(self, cell: Cell, attribute: str) -> Any:
        return self.attributes[id(cell)].get(attribute)

    def _of(self, role: Role, name: str | None = None) -> Iterator[Cell]:
        return (c for c in self.cells if c.role == role and name in (None, c.name))

    def _header(self) -> dict[str, Any]:
        header = self.document.header
        line_of = self.document.header_lines
        for key in header:
            if key not in (*HEADER_KEYS, "jupyter"):
                known = suggestion(str(key), list(HEADER_KEYS))
                line = line_of.get(str(key), 1)
                self._problem(line, "", f"the header has an unknown key {key!r}", f"drop it{known}")
        title = header.get("title")
        if not isinstance(title, str) or not title.strip():
            line = line_of.get("title", 1)
            self._problem(line, "", "the header has no title", "add `title: ...` (a text)")
            title = ""
        minutes = header.get("minutes")
        if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes <= 0:
            self._problem(
                line_of.get("minutes", 1), "", f"minutes is {minutes!r}",
                "give a whole number over zero as `minutes:`",
            )  # fmt: skip
            minutes = 0
        lists: dict[str, list[str]] = {}
        for key in ("services", "questions", "requires"):
            value = header.get(key, [])
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                line = line_of.get(key, 1)
                self._problem(line, "", f"{key} is {value!r}", f"write a list: `{key}: [...]`")
                value = []
            lists[key] = value
        return {"title": title, "minutes": minutes, **lists}

    def _cell(self, raw: RawCell) -> Cell:
        place = f"cell {raw.number}"
        fence = raw.line - 1  # where its attributes are
        kind: Literal["code", "markdown"] = "code" if raw.kind == "code" else "markdown"
        if raw.kind == "raw":
            self._problem(raw.line, place, "it is a raw cell", "make it Markdown or code")
        if "incorrectly_encoded_metadata" in raw.attributes:
            text = raw.attributes["incorrectly_encoded_metadata"]
            self._problem(fence, place, f"cannot read {text!r}", 'quote values: name="value"')
        if raw.language and "demo" not in raw.attributes:
            self._problem(
                fence, place, f"this fence would be run as a %%{raw.language} cell",
                f'write ```{raw.language} .noeval to show it, or add demo="..." to run it',
            )  # fmt: skip
        if kind == "markdown":
            self._refuse_roles_in_prose(raw, place)
        roles = [role for role in ROLES if role in raw.attributes]
        for attribute in raw.attributes:
            if attribute not in ATTRIBUTES | _FOREIGN | {"incorrectly_encoded_metadata"}:
                known = suggestion(attribute, sorted(ATTRIBUTES))
                self._problem(fence, place, f"unknown attribute {attribute!r}", f"drop it{known}")
        if len(roles) > 1:
            self._problem(
                fence, place, f"it plays {len(roles)} roles, {' and '.join(roles)}", "keep one"
            )
        role: Role = roles[0] if roles else "plain"
        name = raw.attributes.get(role) if roles else ""
        if roles and (not isinstance(name, str) or not name.strip()):
            self._problem(fence, place, f"{role} has no value", f'write {role}="..."')
            name = ""
        folded = raw.attributes.get("folded", False)
        if not isinstance(folded, bool) or (folded and (kind == "markdown" or role not in FOLDING)):
            self._problem(
                fence, place, f"folded is {folded!r}", "plain and demo code may say folded=true"
            )
        cell = Cell(kind, raw.source, raw.line, role, str(name), folded is True)
        self.attributes[id(cell)] = raw.attributes
        if roles:
            self._check_attributes(cell, place)
        elif strange := sorted((ATTRIBUTES - {"folded"}) & set(raw.attributes)):
            cure = f"give the cell a role ({', '.join(ROLES)}) or drop it"
            self._problem(fence, place, f"{' and '.join(strange)} without a role", cure)
        return cell

    def _refuse_roles_in_prose(self, raw: RawCell, place: str) -> None:
        """Jupytext sees only ```python at the start of a line; the rest is shown to students."""
        for number, line in enumerate(raw.source.split("\n")):
            if _FENCE_WITH_ROLE.match(line):
                self._problem(
                    raw.line + number, place, "this fence has a role and is no cell but text",
                    "start its line with ```python, outside of regions, lists and other fences",
                )  # fmt: skip

    def _check_attributes(self, cell: Cell, place: str) -> None:
        rule = ROLES[cell.role]
        fence = cell.line - 1
        place = f"{place} ({cell.role} {cell.name})"
        if not cell.source.strip():
            self._problem(fence, place, "it is empty", "write it or drop it")
        if cell.kind != rule.kind:
            how = (
                "put it in a ```python fence"
                if rule.kind == "code"
                else f'put it between <!-- #region {cell.role}="..." --> and <!-- #endregion -->'
            )
            self._problem(fence, place, f"it is a {cell.kind} cell", how)
        if cell.role != "demo" and cell.name and not ID.fullmatch(cell.name):
            self._problem(
                fence, place, f"{cell.name!r} is no id", "use lower-case words joined by `-`"
            )
        attributes = self.attributes[id(cell)]
        for name in rule.required:
            if name not in attributes:
                self._problem(fence, place, f"{name} is missing", f"add {name}=...")
        for name in (*rule.required, *rule.optional):
            value = attributes.get(name)
            if value is None:
                continue
            if name == "points":
                if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                    self._problem(
                        fence, place, f"points is {value!r}", "give a whole number over zero"
                    )
            elif not isinstance(value, str) or not value.strip():
                self._problem(fence, place, f"{name} is {value!r}", f'write {name}="..."')
        strange = (ATTRIBUTES & set(attributes)) - {cell.role, *rule.required, *rule.optional}
        for name in sorted(strange - set(ROLES) - {"folded"}):
            self._problem(fence, place, f"{name} means nothing here", "drop it")

    def _exercises(self) -> Iterator[Exercise]:
        solutions: dict[str, Cell] = {}
        for cell in self._of("exercise"):
            if cell.name in solutions:
                self._problem(
                    cell.line,
                    f"exercise {cell.name}",
                    f"it has a second solution cell (the first is on line "
                    f"{solutions[cell.name].line})",
                    "keep one, or give this one another id",
                )
            else:
                solutions[cell.name] = cell
        for cell in self.cells:
            if (
                cell.role in ("check", "hint", "wrong", "alternative", "survivor")
                and cell.name not in solutions
            ):
                self._problem(
                    cell.line,
                    f"{cell.role} {cell.name}",
                    f"there is no exercise {cell.name!r}",
                    f'add a cell exercise="{cell.name}"{suggestion(cell.name, list(solutions))}',
                )
        for name, solution in solutions.items():
            yield Exercise(
                id=name,
                solution=solution,
                checks=tuple(
                    Check(
                        id=f"{name}-check-{number}",
                        exercise=name,
                        about=str(self._get(cell, "about") or f"check {number}"),
                        points=self._points(cell),
                        cell=cell,
                    )
                    for number, cell in enumerate(self._of("check", name), 1)
                ),
                hints=tuple(Hint(name, cell) for cell in self._of("hint", name)),
                wrong=tuple(
                    WrongAnswer(
                        name, str(self._get(cell, "idea")), str(self._get(cell, "expect")), cell
                    )
                    for cell in self._of("wrong", name)
                ),
                alternatives=tuple(
                    Alternative(name, str(self._get(cell, "idea")), cell)
                    for cell in self._of("alternative", name)
                ),
            )

    def _answers(self) -> Iterator[Answer]:
        rubrics = {cell.name: cell for cell in self._of("rubric")}
        answers = {cell.name for cell in self._of("answer")}
        for name, cell in rubrics.items():
            if name not in answers:
                self._problem(
                    cell.line, f"rubric {name}", "there is no answer of that id",
                    f'add a region answer="{name}"{suggestion(name, sorted(answers))}',
                )  # fmt: skip
        for cell in self._of("answer"):
            if cell.name not in rubrics:
                self._problem(
                    cell.line, f"answer {cell.name}", "it has no rubric",
                    f'add a region rubric="{cell.name}" for whoever grades it',
                )  # fmt: skip
            yield Answer(cell.name, self._points(cell), cell, rubrics.get(cell.name, cell))

    def _points(self, cell: Cell) -> int:
        points = self._get(cell, "points")
        return points if isinstance(points, int) else 0
