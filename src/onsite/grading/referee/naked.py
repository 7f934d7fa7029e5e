"""What of the referee can be seen from the code under test, because it stands below it in the stack.

These functions know nothing. Each name in `NAMES` becomes a constant of its code, which cannot be
read without an audit event that the referee refuses, and what they do with it leaves nothing in
their variables: whoever gets hold of a frame finds a box with what it had put in itself. The
referee itself is an audit hook (inside.py), and `audit(secret, ...)` is how it is spoken to.

The text of this file is compiled by `bind`; imported, it only serves type checkers and tests.
"""

from __future__ import annotations

import ast
import types
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from onsite.grading.referee.constants import MARK, fill

#: What becomes a constant.
NAMES = frozenset((
    *("audit", "secret", "scalars", "operators", "true", "type_of", "subclass", "show"),
    *("coroutine", "failure", "anything", "say", "stop", "student_cell", "wait", "flush"),
    *("interrupt_now", "build"),
))  # fmt: skip

audit: Any
secret: Any
scalars: Any
operators: Any
true: Any
type_of: Any
subclass: Any
show: Any
coroutine: Any
failure: Any
anything: Any
say: Any
stop: Any
student_cell: Any
wait: Any
flush: Any
interrupt_now: Any
build: Any


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
        return value  # type: ignore[no-any-return]
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
    audit(secret, "result", cell, value)
    if value is not None:
        show(value)


def isinstance(value: Any, kind: Any) -> bool:
    """By the object's type alone: no `__class__` and no metaclass of a student's is asked."""
    box: list[Any] = [value, kind]
    audit(secret, "isinstance", box)
    answer, kind = box
    return answer if kind is None else subclass(type_of(value), kind)


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
            name, text = student_cell(loop, what)
            audit(secret, "ended", name, text, None)
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
        name, text = say(error)
        audit(secret, "ended", name, text, error)
        error = None


def bind(objects: Mapping[str, Any]) -> dict[str, types.FunctionType]:
    """The functions of this file with the named objects as constants, and no globals at all."""
    filled = fill(_template(), {MARK + name.encode(): item for name, item in objects.items()})
    return {
        code.co_name: types.FunctionType(code, {"__builtins__": {}})
        for code in filled.co_consts
        if isinstance(code, types.CodeType)
    }


@cache
def _template() -> types.CodeType:
    tree = ast.parse(Path(__file__).read_text())
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name not in ("bind", "_template")
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            for argument in (*node.args.args, node.args.vararg, node.args.kwarg):
                if argument is not None:
                    argument.annotation = None
            # The first statement of each is its docstring, which a box would show.
            node.body = node.body[1:] if ast.get_docstring(node) else node.body
    module = _Marker().visit(ast.Module(functions, []))
    with warnings.catch_warnings():
        # "bytes object is not callable": it will be another one.
        warnings.simplefilter("ignore")
        return compile(ast.fix_missing_locations(module), "<referee>", "exec")


class _Marker(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in NAMES:
            return node
        return ast.copy_location(ast.Constant(MARK + node.id.encode()), node)
