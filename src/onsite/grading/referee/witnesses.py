"""What an instructor's code calls instead of comparing and asserting by itself.

As naked.py, these functions know nothing; each of an instructor's cells has its own, which speak to
the referee under a name of that cell's. What has to be evaluated in the run is evaluated here and
not in the referee, so that no frame of the referee is on the stack of the code under test.

A witness lets go of what it was given before it returns. What goes with its frame goes when the
caller is the topmost frame and seems to be calling a witness (see calls.py).
"""

from __future__ import annotations

from typing import Any

# What becomes a constant.
audit: Any = None
secret: Any = None
scalars: Any = None
row: Any = None
operators: Any = None
true: Any = None
type_of: Any = None
show: Any = None
failure: Any = None
anything: Any = None


def evaluate(steps: Any, answer: Any) -> Any:
    """What comparisons one after the other come to; `answer` if there are none."""
    for operate, left, right, doubts, last in steps:
        answer = operate(left, right)
        for left_too, right_too in doubts:
            try:
                other = operate(left_too, right_too)
                try:
                    other = true(other)
                except anything:  # an array has no truth
                    other = true(other.all())
            except anything:
                other = False
            if other:
                raise failure("an object that equals whatever it is compared with proves nothing")
        if last or not answer:  # the last one may be an array, which has no truth
            return answer
    return answer


def compare(number: int, operands: Any) -> Any:
    """A comparison in an assertion; the referee knows what it is compared with."""
    box: Any = [number, operands]
    audit(secret, "compare", box)
    steps, answer = box
    answer = evaluate(steps, answer)
    box = steps = operands = None
    return answer


def guard(what: str, operands: Any) -> Any:
    """A comparison elsewhere in an instructor's cell."""
    plain = what in operators
    for each in operands:
        for part in each if type_of(each) is row else (each,):
            if type_of(part) not in scalars:
                plain = False
    if plain:
        return operators[what](*operands)
    box: Any = [what, operands]
    audit(secret, "guard", box)
    answer = evaluate(box, None)
    box = operands = each = part = None
    return answer


def leaf(value: Any) -> bool:
    """The truth of something that is no comparison."""
    if value is True or value is False:
        return value
    audit(secret, "leaf", value)
    answer: bool = true(value)
    value = None
    return answer


def truth(number: int, value: Any) -> Any:
    """What an assertion came to."""
    if value is not True and value is not False:
        audit(secret, "leaf", value)
        value = true(value)
    audit(secret, "truth", number, value)
    return value


def failed(number: int, values: Any) -> Any:
    """The exception of an assertion that does not hold; the referee has its message."""
    box: list[Any] = [number]
    audit(secret, "failed", box)
    make = box.pop()
    error = failure() if make is None else failure(make(*values))
    values = None
    return error


def failed_saying(number: int, message: Any) -> Any:
    """The same with a message that could only be made on the spot."""
    return failure(message)


def result(value: Any) -> None:
    """The value of a cell's last expression."""
    box: Any = [value]
    audit(secret, "result", box)
    for value in box:
        show(value)
    box = value = None
