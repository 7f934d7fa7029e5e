"""What of the referee can be seen from the code under test: it stands below it in the stack.

These functions know nothing. Each name that is declared below becomes a constant of their code,
which cannot be read without an audit event that the referee refuses, and they keep nothing in
their variables: whoever gets hold of a frame finds a box with what it had put in itself. The
referee itself is an audit hook (inside.py), and `audit(secret, ...)` is how it is spoken to.

The text of this file is compiled by bind.py, and it is never imported.
"""

from __future__ import annotations

from typing import Any

# What becomes a constant.
audit: Any = None
secret: Any = None
scalars: Any = None
operators: Any = None
true: Any = None
type_of: Any = None
subclass: Any = None
show: Any = None
coroutine: Any = None
failure: Any = None
anything: Any = None
say: Any = None
stop: Any = None
student_cell: Any = None
wait: Any = None
flush: Any = None
interrupt_now: Any = None
build: Any = None


def compare(cell: int, number: int, *operands: Any) -> Any:
    """A comparison in an assertion; the referee knows what it is compared with."""
    box: list[Any] = [cell, number, operands]
    audit(secret, "compare", box)
    steps, value = box
    for operate, left, right in steps:
        value = operate(left, right)
        if not value:
            return value
    return value


def guard(what: str, *operands: Any) -> Any:
    """A comparison elsewhere in an instructor's cell."""
    for each in operands:
        if type_of(each) not in scalars:
            break
    else:
        if what in operators:
            return operators[what](*operands)
    box: list[Any] = [what, operands]
    audit(secret, "guard", box)
    value = None
    for operate, left, right in box:
        value = operate(left, right)
        if not value:
            return value
    return value


def leaf(value: Any) -> bool:
    """The truth of something that is no comparison."""
    if value is True or value is False:
        return value
    audit(secret, "leaf", value)
    return true(value)  # type: ignore[no-any-return]


def truth(cell: int, number: int, value: Any) -> Any:
    """What an assertion came to."""
    if value is not True and value is not False:
        audit(secret, "leaf", value)
        value = true(value)
    audit(secret, "truth", cell, number, value)
    return value


def failed(cell: int, number: int, values: tuple[Any, ...]) -> Any:
    """The exception of an assertion that does not hold; the referee has its message."""
    box: list[Any] = [cell, number]
    audit(secret, "failed", box)
    make = box.pop()
    return failure() if make is None else failure(make(*values))


def failed_saying(cell: int, number: int, message: Any) -> Any:
    """The same with a message that could only be made on the spot."""
    return failure(message)


def result(cell: int, value: Any) -> None:
    """The value of a cell's last expression."""
    box: list[Any] = [cell, value]
    audit(secret, "result", box)
    for each in box:
        show(each)


def is_instance(value: Any, kind: Any) -> bool:
    """By the object's type alone: no `__class__` and no metaclass of a student's is asked."""
    box: list[Any] = [value, kind]
    audit(secret, "isinstance", box)
    answer, kind = box
    return answer if kind is None else subclass(type_of(value), kind)  # type: ignore[no-any-return]


def build_class(body: Any, name: str, *bases: Any, **more: Any) -> Any:
    """What a class statement calls."""
    made = build(body, name, *bases, **more)
    audit(secret, "own", body, made)
    return made


def interrupt(signal: int, frame: object) -> None:
    """The handler of SIGINT: the runner wants the cell to end."""
    box: list[Any] = []
    audit(secret, "interrupt", box)
    if box:
        interrupt_now(signal, frame)


def main(loop: Any) -> None:
    """Take turns until the run is over."""
    while True:
        loop = wait(loop)
        box: list[Any] = []
        audit(secret, "turn", box)
        kind, what = box
        box.clear()
        if kind == "exit":
            stop()
        if kind == "student":
            name, text, _ = student_cell(loop, what)
            audit(secret, "ended", name, text, [])
            continue

        async def turn(run: Any) -> None:
            value = run()
            if type_of(value) is coroutine:
                await value

        error = None
        task = loop.create_task(turn(what))
        what = None
        try:
            loop.run_until_complete(task)
        except anything as raised:
            error = raised
            if not task.done():
                task.cancel()
        task = None
        flush()
        name, text, trace = say(error)
        error = None
        audit(secret, "ended", name, text, trace)
