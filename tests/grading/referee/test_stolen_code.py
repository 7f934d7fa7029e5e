"""Whoever gets hold of a check's code, by a library that has read it, cannot use it."""

from __future__ import annotations

import pytest
from tests.grading.notebooks import notebook

from onsite.grading.runner import Runner

#: `codes` gets the check's own code: a library's function may read it, and a frame that was looked
#: at from a generator shows that function's variables.
STEAL = """
import marshal, sys, traceback, types
codes, came_to = [], []

def look():
    while True:
        found, frame = [], FRAME
        while frame is not None:
            found.append(frame)
            frame = frame.f_back
        yield found

looking = look()
FRAME = looking.gi_frame

def frames(frame):
    yield frame, (1, 1, 1, 1)
    codes.extend(f.f_locals["co"] for f in next(looking) if "co" in f.f_locals)

def steal():
    for frame in next(looking)[1:]:
        if "<check" in repr(frame):
            traceback.StackSummary._extract_from_extended_frame_gen(frames(frame))

def use(code): raise LookupError

def answer():
    steal()
    for code in codes:
        try:
            came_to.append(use(code))
        except RuntimeError:
            came_to.append("refused")
    return 7
"""
USES = {
    "made a function": "use = lambda code: types.FunctionType(code, globals())",
    "executed": "use = exec",
    "given to a function": "use = lambda code: setattr(look, '__code__', code)",
    "written": "use = marshal.dumps",
    "asked what is right": "use = lambda code: ask(code)((7,))",
}
#: What asks the witness of the check's first comparison; written in C, it leaves no frame.
ASK = """
from functools import partial

def ask(code):
    (compare,) = (c for c in code.co_consts if "compare" in getattr(c, "__name__", ""))
    return partial(compare, 0)
"""
LETS_GO = """
class Seven(int): pass

def answer():
    steal()
    Seven.__del__ = partial(came_to.extend, map(ask(codes[0]), [(8,), (7,), (1,)]))
    return Seven(7)
"""
#: The check itself calls the witness, by a function written in C.
BY_THE_CHECK = {
    "an iterator that it consumes": (
        "assert [*answer()] == ['nothing']",
        "def answer():\n"
        "    steal()\n"
        "    return map(came_to.append, map(ask(codes[0]), [(8,), (['nothing'],)]))",
    ),
    **{
        f"an object that {does} lets go of": (check, LETS_GO)
        for does, check in {
            "a comparison": "assert answer() == 7",
            "a comparison elsewhere": "it = answer() == 7\nassert given == 1",
            "the question whether it is true": "assert answer()\nassert given == 1",
            "the end of the cell": "assert given == 1\nanswer()",
        }.items()
    },
}


@pytest.mark.parametrize("use", USES)
def test_it_cannot_be_used(runner: Runner, use: str) -> None:
    result = runner.run(
        notebook(
            "given = 1", STEAL + ASK, USES[use], "assert answer() == 7, 'no'", "print(came_to)"
        ),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert result.cells[3].error_name == "NotProvedError"
    assert "".join(result.cells[4].outputs[0]["text"]) == "['refused']\n"
    assert {suspicion.kind for suspicion in result.suspicions} == {"breach"}


@pytest.mark.parametrize("way", BY_THE_CHECK)
def test_the_check_is_not_made_to_ask(runner: Runner, way: str) -> None:
    check, answer = BY_THE_CHECK[way]
    result = runner.run(
        notebook("given = 1", STEAL + ASK, answer, check, "print(came_to)"),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert "".join(result.cells[4].outputs[0]["text"]) == "[]\n"
    assert "breach" in {suspicion.kind for suspicion in result.suspicions}
