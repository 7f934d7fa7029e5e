from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console

from onsite.grading.outcome import Grade, TopicGrade
from onsite.grading.result import Suspicion
from onsite.grading.score import Score
from onsite.grading.show import LONGEST_TABLE, grade_json, grade_parts
from onsite.grading.summary import Line, TopicLine

SIGN = Suspicion("breach", 6, "sys.addaudithook at [2]:1")
GRADE = Grade(
    "ann",
    "01-basics",
    (
        TopicGrade(
            "adding",
            (Score("add-check-1", 1.5, 2.0), Score("say-it", None, 4.0)),
            {"add": False},
            '{"cells": ["ü"]}'.encode(),
            suspicions=(SIGN,),
            run={"ending": "complete"},
        ),
        TopicGrade("later", problem="the file is not UTF-8 text"),
    ),
    missing=("never",),
)


def shown(*lines: Line) -> str:
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        for part in grade_parts(lines, "LOOK"):
            console.print(part)
    return capture.get()


def test_a_grade_travels_as_bytes() -> None:
    assert Grade.from_bytes(GRADE.to_bytes()) == GRADE


def test_a_line_is_what_people_want_to_know() -> None:
    line = Line.of(GRADE)
    assert (line.student, line.status, line.missing) == ("ann", "not graded", ("never",))
    assert line.reasons == ("later: the file is not UTF-8 text",)
    assert line.suspicious
    first = line.topics[0]
    assert (first.points, first.max_points, first.needs_a_person) == (1.5, 6.0, True)
    assert first.suspicions == (SIGN,)
    assert Line.from_json(json.loads(json.dumps(line.to_json()))) == line


def test_the_summary_names_what_is_not_graded_and_what_is_suspicious() -> None:
    text = shown(Line.of(GRADE), Line("bob", "already graded"))
    assert "1.5 of 6  a person grades the written answer" in text
    assert "ann: later: the file is not UTF-8 text" in text
    assert "ann, adding, cell 6: breach: sys.addaudithook at [2]:1" in text
    counted = dict(line.rsplit(None, 1) for line in text.splitlines()[-5:-1])
    assert counted == {"graded": "0", "already graded": "1", "not graded": "1", "suspicious": "1"}
    assert max(map(len, text.splitlines())) <= 80
    assert grade_json([Line.of(GRADE)])["counts"]["suspicious"] == 1


def test_a_large_class_is_counted_but_not_listed() -> None:
    class_of_many = [Line(f"s{number}", "graded") for number in range(LONGEST_TABLE)]
    missed = [Line(f"x{number}", "not graded", problem="no") for number in range(60)]
    text = shown(*class_of_many, *missed)
    assert "s1 " not in text
    assert "... and 10 more; --json has them all." in text
    assert len(text.splitlines()) < LONGEST_TABLE + 15


def test_nothing_of_a_students_is_obeyed_by_a_terminal() -> None:
    evil = "\x1b]0;mine\x1b\\ \x9b31m\u202e"
    line = Line(
        "[red]:smile:",
        "graded",
        (
            TopicLine("adding", 1, 2, False, suspicions=(Suspicion("noted", 1, evil),)),
            TopicLine("later", 0, 0, False, problem=evil),
        ),
    )
    text = shown(line, replace(line, status="not graded", topics=(), problem=evil))
    assert text.count("[red]:smile: ") == 3
    assert text.count("[red]:smile:, adding") == 1
    assert text.count(r"\x1b]0;mine\x1b\ \x9b31m\u202e") == 2
    assert text.replace("\n", "").isprintable()
