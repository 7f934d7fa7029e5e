"""Read notebooks/syllabus.yml, the course's spine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from onsite.course.model import Module, Question, TopicPlan
from onsite.errors import OnsiteError

# libyaml reads the syllabus ten times as fast, which a learner notices at the first %check.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_syllabus(path: Path) -> tuple[Module, ...]:
    """Read the modules, topics and questions that the course owes, in course order.

    Raises:
        OnsiteError: the file is missing, not YAML, lacks a field, or uses an id twice.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe, both of them
    except FileNotFoundError:
        raise OnsiteError(f"{path} is missing; restore it from version control.") from None
    except UnicodeDecodeError as error:
        raise OnsiteError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise OnsiteError(
            f"{path} cannot be read ({error.strerror}); make it a readable file."
        ) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise OnsiteError(f"{path}{line}: {problem}; mend the YAML there.") from None
    if not isinstance(document, Mapping):
        raise OnsiteError(f"{path} holds no mapping; it must start with a key `modules:`.")
    modules = tuple(
        _module(_mapping(entry, path, f"module {number}"), path)
        for number, entry in enumerate(_sequence(document, "modules", path, "the syllabus"), 1)
    )
    _refuse_repeats(path, "module", (module.id for module in modules))
    topics = [topic for module in modules for topic in module.topics]
    _refuse_repeats(path, "topic", (f"{topic.module}/{topic.id}" for topic in topics))
    _refuse_repeats(
        path, "question", (question.id for topic in topics for question in topic.questions)
    )
    return modules


def _module(entry: Mapping[str, Any], path: Path) -> Module:
    module_id = _text(entry, "id", path, "a module")
    place = f"module {module_id}"
    return Module(
        id=module_id,
        title=_text(entry, "title", path, place),
        topics=tuple(
            _topic(_mapping(topic, path, f"a topic of {place}"), module_id, path)
            for topic in _sequence(entry, "topics", path, place)
        ),
    )


def _topic(entry: Mapping[str, Any], module: str, path: Path) -> TopicPlan:
    topic_id = _text(entry, "id", path, f"a topic of module {module}")
    place = f"topic {topic_id}"
    minutes = entry.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes <= 0:
        raise OnsiteError(
            f"{path}: {place}: minutes is {minutes!r}; give a whole number over zero."
        )
    return TopicPlan(
        id=topic_id,
        module=module,
        title=_text(entry, "title", path, place),
        minutes=minutes,
        services=_texts(entry, "services", path, place),
        demo=_text(entry, "demo", path, place),
        build=tuple(str(item) for item in _sequence(entry, "build", path, place)),
        questions=tuple(
            _question(_mapping(question, path, f"a question of {place}"), path, place)
            for question in _sequence(entry, "questions", path, place)
        ),
    )


def _question(entry: Mapping[str, Any], path: Path, place: str) -> Question:
    question_id = _text(entry, "id", path, f"a question of {place}")
    place = f"question {question_id}"
    return Question(
        id=question_id,
        ask=_text(entry, "ask", path, place),
        level=_text(entry, "level", path, place),
        difficulty=_text(entry, "difficulty", path, place),
        frequency=_text(entry, "frequency", path, place),
        refs=_texts(entry, "refs", path, place),
        points=tuple(str(point) for point in _sequence(entry, "points", path, place)),
    )


def _mapping(value: object, path: Path, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise OnsiteError(f"{path}: {place} is {value!r}; write it as `key: value` lines.")
    return value


def _sequence(entry: Mapping[str, Any], key: str, path: Path, place: str) -> list[Any]:
    value = entry.get(key)
    if not isinstance(value, list) or not value:
        raise OnsiteError(f"{path}: {place} has no list `{key}`; add it with at least one entry.")
    return value


def _texts(entry: Mapping[str, Any], key: str, path: Path, place: str) -> tuple[str, ...]:
    """A list of texts that may be left out."""
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise OnsiteError(f"{path}: {place}: {key} is {value!r}; write a list of texts.")
    return tuple(value)


def _text(entry: Mapping[str, Any], key: str, path: Path, place: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise OnsiteError(f"{path}: {place} has no text `{key}`; add it.")
    return value.strip()


def _refuse_repeats(path: Path, kind: str, ids: Iterator[str]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise OnsiteError(f"{path}: {kind} id {each} is used twice; ids must be unique.")
        seen.add(each)
