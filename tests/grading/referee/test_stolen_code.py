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

def use(code): raise LookupError

def answer():
    for frame in next(looking)[1:]:
        if "<check" in repr(frame):
            traceback.StackSummary._extract_from_extended_frame_gen(frames(frame))
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
    "asked what is right": (
        "def use(code):\n"
        "    (compare,) = (c for c in code.co_consts if 'compare' in getattr(c, '__name__', ''))\n"
        "    return compare(0, [7])"
    ),
}


@pytest.mark.parametrize("use", USES)
def test_it_cannot_be_used(runner: Runner, use: str) -> None:
    result = runner.run(
        notebook("given = 1", STEAL, USES[use], "assert answer() == 7, 'no'", "print(came_to)"),
        roles={0: "instructor", 3: "check"},
        exercises=frozenset({"answer"}),
    )
    assert result.cells[3].error_name == "NotProvedError"
    assert "".join(result.cells[4].outputs[0]["text"]) == "['refused']\n"
    assert {suspicion.kind for suspicion in result.suspicions} == {"breach"}
