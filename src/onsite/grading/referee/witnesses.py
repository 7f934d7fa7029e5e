"""What an instructor's code calls instead of comparing and asserting by itself.

As naked.py, these functions know nothing; each of an instructor's cells has its own, which speak to
the referee under a name of that cell's. What has to be evaluated in the run is evaluated here and
not in the referee, so that no frame of the referee is on the stack of the code under test.

A witness lets go of what it was given before it returns. What goes with its frame goes when the
caller is the topmost frame and seems to be calling a witness (see calls.py). What it returns is in
no variable meanwhile, since whoever is let go of may write those, from Python 3.13 on.
"""

from __future__ import annotations

from typing import Any

# What becomes a constant.
audit: Any = None
secret: Any = None
cell: Any = None
scalars: Any = None
id_of: Any = None
row: Any = None
every: Any = None
true: Any = None
type_of: Any = None
show: Any = None
failure: Any = None
anything: Any = None


def ask(doubted: bool, last: bool, operate: Any, left: Any, right: Any) -> Any:
    """One comparison: whether it is the last of a chain, or None if it has to be false; its answer.

    Since Python 3.13 the code that compares can write the variables of its callers, so nothing is
    read here after it has run.
    """
    if not doubted:
        return last, operate(left, right)
    try:
        other = operate(left, right)
        try:
            other = true(other)
        except anything:  # an array has no truth
            other = true(other.all())
    except anything:
        other = False
    return None, other


def evaluate(chain: Any, answer: Any) -> Any:
    """What comparisons one after the other come to; `answer` if there are none.

    Each is asked together with its doubts, and nothing is judged before the last of those.
    """
    for comparison in chain:
        for last, found in [*every(ask, comparison)]:
            if last is not None:
                ends, answer = last, found
            elif found:
                raise failure("an object that equals whatever it is compared with proves nothing")
        if ends or not answer:  # the last one may be an array, which has no truth
            return answer
    return answer


def compare(number: int, operands: Any) -> Any:
    """A comparison in an assertion; the referee knows what it is compared with."""
    box: Any = [number, operands]
    audit(secret, "compare", cell, box)
    chain, answer = box
    try:
        return evaluate(chain, answer)
    finally:
        box = chain = operands = None


def guard(what: str, operate: Any, operands: Any) -> Any:
    """A comparison elsewhere in an instructor's cell, by `operate` if it is no chain."""
    plain = operate is not None
    for each in operands:
        for part in each if type_of(each) is row else (each,):
            if id_of(type_of(part)) not in scalars:
                plain = False
    if plain:
        return operate(*operands)
    box: Any = [what, operands]
    audit(secret, "guard", cell, box)
    (chain,) = box
    try:
        return evaluate(chain, None)
    finally:
        box = chain = operands = each = part = None


def difference(operands: Any) -> Any:
    """A subtraction whose result an assertion compares with something."""
    box: Any = [operands]
    audit(secret, "difference", cell, box)
    try:
        return operands[0] - operands[1]
    finally:
        box = operands = None


def leaf(value: Any) -> bool:
    """The truth of something that is no comparison."""
    if value is True or value is False:
        return value
    audit(secret, "leaf", cell, value)
    try:
        return true(value)  # type: ignore[no-any-return]
    finally:
        value = None


def truth(number: int, held: bool) -> bool:
    """What an assertion came to."""
    audit(secret, "truth", cell, number, held)
    return held


def defined(name: str, value: Any) -> None:
    """A function, class or module that the cell has just given a name."""
    audit(secret, "defined", cell, name, value)


def failed(number: int, values: Any) -> Any:
    """The exception of an assertion that does not hold; the referee has its message."""
    box: list[Any] = [number]
    audit(secret, "failed", cell, box)
    make = box.pop()
    try:
        return failure() if make is None else failure(make(*values))
    finally:
        values = None


def failed_saying(number: int, message: Any) -> Any:
    """The same with a message that could only be made on the spot."""
    return failure(message)


def result(value: Any) -> None:
    """The value of a cell's last expression."""
    box: Any = [value]
    audit(secret, "result", cell, box)
    for value in box:
        show(value)
    box = value = None
