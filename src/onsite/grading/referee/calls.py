"""Where an instructor's code calls a witness, told by the position that the call claims to have.

Whoever has got hold of a witness may have the instructor's own code call it, by a function written
in C that the code itself calls, such as `map`: no frame lies between. But the code is not at one of
these instructions then.

Loaded apart (see apart.py).
"""

from __future__ import annotations

from opcode import opmap
from types import CodeType

#: The column at which a call of a witness begins and ends; no expression ends before it begins.
COLUMN = 0

_CALL, _CACHE = opmap["CALL"], opmap["CACHE"]


def witness_calls(code: CodeType) -> frozenset[int]:
    """The instructions that call witnesses, as a frame's `f_lasti` has them.

    Code that was compiled without columns (PYTHONNODEBUGRANGES) has its other calls among them.
    """
    found = []
    called = False
    data = code.co_code
    for number, (_, _, _, column) in enumerate(code.co_positions()):
        instruction = data[2 * number]
        # Up to 3.11 a call is at its last cache while it lasts.
        called = (called and instruction == _CACHE) or (
            instruction == _CALL and column in (COLUMN, None)
        )
        if called:
            found.append(2 * number)
    return frozenset(found)
