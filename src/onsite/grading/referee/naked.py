"""What of the referee can be seen from the code under test: it stands below it in the stack.

These functions know nothing. Each name that is declared below becomes a constant of their code,
which cannot be read without an audit event that the referee refuses, and they keep nothing in
their variables: whoever gets hold of a frame finds a box with what it had put in itself. The
referee itself (inside.py) hears audit events, and `audit(secret, ...)` is how it is spoken to.

The text of this file is compiled by bind.py, and it is never imported.
"""

from __future__ import annotations

from typing import Any

# What becomes a constant.
audit: Any = None
secret: Any = None
type_of: Any = None
name_of: Any = None
coroutine: Any = None
anything: Any = None
say: Any = None
stop: Any = None
student_cell: Any = None
wait: Any = None
flush: Any = None
interrupt_now: Any = None
build: Any = None
hear: Any = None
looks: Any = None
nothing: Any = None
events: Any = None
rules: Any = None
thread: Any = None
again: Any = None
collect: Any = None
subclass: Any = None


def hook(event: str, arguments: Any) -> None:
    """What the interpreter calls at every audit event.

    What is refused is raised here, so that the traceback has no frame of the referee's. How the
    referee is called without being a constant is opaque.py's idea.
    """
    if event not in events or (event in rules and looks(thread()) > nothing):
        return
    box: list[Any] = [event, arguments, None, (), None]
    try:
        while hear(box) > nothing:
            # To look at a frame's variables lets go of what an earlier look has kept, up to 3.12,
            # and that may run code of the student's: here it may.
            box = [event, arguments, [*box[1].f_locals.items()], (), None]
    except anything as error:
        # Its traceback leads to the referee. Nothing is called before it is gone, since whatever
        # is called may be interrupted.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        box[4] = error
    try:
        if box[4] is not None:
            raise box.pop()
    finally:
        # Handlers run on top of this, when there is nothing left that they could change.
        for signal in box[3]:
            again(signal)


def build_class(body: Any, name: str, *bases: Any, **more: Any) -> Any:
    """What a class statement calls."""
    made = build(body, name, *bases, **more)
    audit(secret, "own", body, made, bases, more)
    return made


def interrupt(signal: int, frame: object) -> None:
    """The handler of SIGINT: the runner wants the cell to end."""
    box: list[Any] = []
    audit(secret, "interrupt", box)
    if box:
        interrupt_now(signal, frame)


def set_signal(number: Any, handler: Any) -> Any:
    """`signal.signal`: a handler is given frames, and must not be given the referee's."""
    box: list[Any] = [number, handler]
    audit(secret, "set_signal", box)
    return box.pop()


def get_signal(number: Any) -> Any:
    """`signal.getsignal`."""
    box: list[Any] = [number]
    audit(secret, "get_signal", box)
    return box.pop()


def on_signal(number: int, frame: object) -> Any:
    """What stands in for the handlers that cells set."""
    box: list[Any] = [number]
    audit(secret, "on_signal", box)
    if not box:
        return None
    handler = box.pop()
    return handler(number, frame)


def create_builtin(spec: Any) -> Any:
    """`_imp.create_builtin`, which makes new copies of built-in modules, wrappers and all gone."""
    box: list[Any] = [spec.name]
    audit(secret, "create_builtin", box)
    return box.pop()


def enable_collector() -> None:
    """`gc.enable`: what the collector calls might look back at the referee, so it is pretended."""
    audit(secret, "collect", True)


def disable_collector() -> None:
    """`gc.disable`."""
    audit(secret, "collect", False)


def is_collector_enabled() -> Any:
    """`gc.isenabled`."""
    box: list[Any] = []
    audit(secret, "collects", box)
    return box.pop()


def set_debug(flags: Any) -> None:
    """`gc.set_debug`, without what keeps all garbage to be looked at."""
    audit(secret, "debug", flags)


def is_instance(value: Any, kind: Any) -> bool:
    """What an instructor's `isinstance` is: it goes by the object's type alone.

    No `__class__` and no metaclass of a student's is asked.
    """
    box: list[Any] = [value, kind]
    audit(secret, "is_instance", box)
    answer, kind = box
    return answer if kind is None else subclass(type_of(value), kind)  # type: ignore[no-any-return]


def within(left: Any, right: Any) -> bool:
    """`in`, which no C function is in this order; what it asks may be code of the student's."""
    return left in right


def without(left: Any, right: Any) -> bool:
    """`not in`."""
    return left not in right


def absent(error: Any, *_: Any, **__: Any) -> Any:
    """What is called in place of something of the instructor's that is not there any more."""
    raise error


async def turn(box: list[Any]) -> Any:
    """Run an instructor's cell; returns what it has raised.

    That is told here, since the loop, and what is still to run in this cell, may be the student's.
    """
    try:
        value = box.pop()()
        if type_of(value) is coroutine:
            await value
    except anything as raised:
        audit(secret, "raised", raised)
        return raised
    return None


def main(loop: Any) -> None:
    """Take turns until the run is over."""
    while True:
        if is_collector_enabled():
            collect()  # what it would have done while the cell ran
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
        error = None
        box.append(what)
        what = None
        task = loop.create_task(turn(box))
        try:
            error = loop.run_until_complete(task)
        except anything as raised:
            error = raised
            if not task.done():
                task.cancel()
        task = None
        flush()
        _, text, trace = say(error)
        # All this can be changed by the cells; that there is an error, `turn` has told.
        name = "" if error is None else (name_of(type_of(error)) or "Exception")
        error = None
        audit(secret, "ended", name, text, trace)
