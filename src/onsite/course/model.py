"""What the course is made of: questions, topics, exercises and their proofs, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Role = Literal[
    "plain",
    "demo",
    "exercise",
    "check",
    "hint",
    "wrong",
    "alternative",
    "answer",
    "rubric",
    "survivor",
]


@dataclass(frozen=True, slots=True)
class Question:
    """One interview question the course owes an answer to."""

    id: str
    ask: str
    level: str
    difficulty: str
    frequency: str
    refs: tuple[str, ...]
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What the syllabus asks of one topic. `minutes` is a learner's time for it."""

    id: str
    module: str
    title: str
    minutes: int
    services: tuple[str, ...]
    demo: str
    build: tuple[str, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A group of topics that is assigned and handed in together (nbgrader's assignment)."""

    id: str
    title: str
    topics: tuple[TopicPlan, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a topic as it was written.

    `line` is where its text starts in the Markdown file, from 1; `name` is the value of the role
    attribute: the exercise for most roles, a title for a demo, empty for a plain cell. A `folded`
    cell shows what it puts out, and its code only to those who open it.
    """

    kind: Literal["code", "markdown"]
    source: str
    line: int
    role: Role
    name: str
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """An automatically graded cell. `id` is its grade_id, unique in the topic."""

    id: str
    exercise: str
    about: str
    points: int
    cell: Cell


@dataclass(frozen=True, slots=True)
class Hint:
    """One step of help, in Markdown."""

    exercise: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """A mistake people make. It must lose points, and say `expect` in a failure message."""

    exercise: str
    idea: str
    expect: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another right answer. It must earn full points."""

    exercise: str
    idea: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Exercise:
    """One thing to build, how it is graded, and how the grading is proved."""

    id: str
    solution: Cell
    checks: tuple[Check, ...]
    hints: tuple[Hint, ...]
    wrong: tuple[WrongAnswer, ...]
    alternatives: tuple[Alternative, ...]

    @property
    def points(self) -> int:
        """What a right solution earns."""
        return sum(check.points for check in self.checks)


@dataclass(frozen=True, slots=True)
class Answer:
    """A written answer, graded by the learner or a reader by its `rubric` (Markdown)."""

    id: str
    points: int
    cell: Cell
    rubric: Cell


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that the author accepts as equivalent, or not worth a check, and why.

    `exercise` is the exercise's id, `change` a piece of text that the mutant's diff contains.
    """

    exercise: str
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One authored topic: every cell in order, and the parts that graders and proofs use."""

    plan: TopicPlan
    path: Path
    title: str
    minutes: int
    services: tuple[str, ...]
    questions: tuple[str, ...]
    cells: tuple[Cell, ...]
    exercises: tuple[Exercise, ...]
    answers: tuple[Answer, ...]
    survivors: tuple[Survivor, ...] = field(default=())
    # Where each key of the header stands, for messages.
    header_lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        """The topic's id in the syllabus, and its file's name without the ending."""
        return self.plan.id

    @property
    def module(self) -> str:
        """The id of the module it belongs to."""
        return self.plan.module


@dataclass(frozen=True, slots=True)
class Course:
    """The syllabus and the topics written so far, both in course order."""

    modules: tuple[Module, ...]
    topics: tuple[Topic, ...]
