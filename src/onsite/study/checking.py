"""Run an exercise's checks in the learner's kernel, and say what they found.

The checks run in the learner's own namespace, so that they see exactly what the grader would see,
and the namespace is put back as it was afterwards. Nothing of a check's code reaches the outcome:
only the message it was written to give, and places in the learner's own code.
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import ctypes
import inspect
import linecache
import sys
import threading
import traceback
from collections.abc import Coroutine, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from IPython.utils.capture import capture_output

from onsite.course.model import Check, Exercise, Topic

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from IPython.core.interactiveshell import InteractiveShell

Verdict = Literal["passed", "failed", "missing", "interrupted"]

LONGEST_MESSAGE = 1200  # characters

# How long an interrupted coroutine may take to clean up before its thread is stopped harder.
CLEAN_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the learner's code. `where` is "cell [3]" or a file's name."""

    where: str
    line: int
    function: str
    code: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found.

    The verdict is "missing" when there was nothing to check yet: the exercise's cell was not run,
    or it is still the stub.
    """

    check: Check
    verdict: Verdict
    message: str = ""
    place: Place | None = None

    @property
    def earned(self) -> int:
        """Points: all of the check's, or none."""
        return self.check.points if self.verdict == "passed" else 0


def run_checks(shell: InteractiveShell, topic: Topic, exercise: Exercise) -> tuple[Outcome, ...]:
    """Run all checks of `exercise`, in order, against what `shell` knows now.

    An interrupt ends the run; that check and those after it have the verdict "interrupted".
    """
    outcomes: list[Outcome] = []
    with _preserved(shell.user_ns), _figures_closed():
        for check in exercise.checks:
            with capture_output():
                try:
                    _execute(shell, check)
                    outcome = Outcome(check, "passed")
                except KeyboardInterrupt:
                    break
                except BaseException as error:  # the learner's code may raise even SystemExit
                    outcome = _explain(shell, topic, exercise, check, error)
                    # What the frames hold goes now, while its last words are captured.
                    traceback.clear_frames(error.__traceback__)
            outcomes.append(outcome)
    stopped = exercise.checks[len(outcomes) :]
    return (*outcomes, *(Outcome(check, "interrupted") for check in stopped))


# --- running ------------------------------------------------------------------------------------


def _execute(shell: InteractiveShell, check: Check) -> None:
    """Execute one check cell as a notebook would, top-level await included."""
    code: CodeType = compile(
        shell.transform_cell(check.cell.source),
        _filename(check),
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    result = eval(code, shell.user_ns)  # noqa: S307 - the course's own check, that is the point
    if code.co_flags & inspect.CO_COROUTINE:
        _complete(result)


def _filename(check: Check) -> str:
    """The name that marks the frames of a check. No such file, so no traceback can show it."""
    return f"<check {check.id}>"


def _complete(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run `coroutine` to its end in a thread with a loop of its own: the kernel's loop is busy.

    An interrupt reaches the main thread only, so it is passed on: the coroutine is cancelled, and
    where it does not listen, because it computes, the thread gets the interrupt too.
    """
    loop = asyncio.new_event_loop()
    failure: list[BaseException] = []
    # Not thread.join: in Python 3.11 an interrupted join takes the thread for ended.
    ended = threading.Event()

    async def watched() -> None:
        await coroutine

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(watched())
        except BaseException as error:
            failure.append(error)
        finally:
            ended.set()

    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(work,), name="onsite-check", daemon=True
    )
    thread.start()
    try:
        ended.wait()
    except KeyboardInterrupt:
        _stop(loop, thread, ended)
        raise
    if failure:
        raise failure[0]


def _stop(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, ended: threading.Event
) -> None:
    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    with suppress(RuntimeError):  # the loop closed meanwhile
        loop.call_soon_threadsafe(cancel)
    if not ended.wait(CLEAN_UP_SECONDS) and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
        )
        ended.wait(CLEAN_UP_SECONDS)


@contextmanager
def _preserved(namespace: MutableMapping[str, Any]) -> Iterator[None]:
    """Put `namespace` back as it was.

    A copy of it would not do: functions look their globals up in the original, so a check that
    replaces one would be seen by the grader and not by the learner.
    """
    before = dict(namespace)
    try:
        yield
    finally:
        for name in namespace.keys() - before.keys():
            del namespace[name]
        namespace.update(before)


@contextmanager
def _figures_closed() -> Iterator[None]:
    """Close the figures that were opened meanwhile, which the kernel would show after the cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = set(pyplot.get_fignums()) if pyplot else set()
    try:
        yield
    finally:
        pyplot = sys.modules.get("matplotlib.pyplot")
        for number in set(pyplot.get_fignums()) - before if pyplot else ():
            pyplot.close(number)  # type: ignore[union-attr]


# --- explaining ---------------------------------------------------------------------------------


def _explain(
    shell: InteractiveShell, topic: Topic, exercise: Exercise, check: Check, error: BaseException
) -> Outcome:
    """Say what `error` means to the learner, without a word of the check's code."""
    *groups, error = _unpacked(error)
    frames = [
        (frame, line)
        for raised in (*groups, error)
        for frame, line in traceback.walk_tb(raised.__traceback__)
        if _is_learners(shell, topic, frame) or frame.f_code.co_filename == _filename(check)
    ]
    last, line = frames[-1] if frames else (None, 0)
    raised_by_learner = any(_is_learners(shell, topic, frame) for frame, _ in frames)
    in_learners_code = last is not None and _is_learners(shell, topic, last)
    place = _place(shell, last, line) if last is not None and in_learners_code else None

    if isinstance(error, NotImplementedError):
        message = f"{exercise.id} is still the stub: write your solution in its cell and run it."
        return Outcome(check, "missing", message, place)
    if isinstance(error, NameError) and (cure := _cure(topic, exercise, error)):
        return Outcome(check, "missing", cure)
    if isinstance(error, AssertionError):
        message = _text(error) or (
            "an assert in your own code failed" if in_learners_code else "this does not hold yet"
        )
    elif raised_by_learner:
        inside = f" (in an {type(groups[0]).__name__})" if groups else ""
        message = f"your code raised {_named(error)}{inside}"
    elif isinstance(error, TypeError | AttributeError | NameError):
        # What a wrong kind of result leads to; these name types and attributes, never values.
        message = f"what your code gave could not be used: {_named(error)}"
    else:
        message = f"what your code gave could not be used ({type(error).__name__})"
    return Outcome(check, "failed", message, place)


def _unpacked(error: BaseException) -> tuple[BaseException, ...]:
    """`error`, and from group to group the first of the exceptions inside.

    A TaskGroup raises its own `ExceptionGroup`, whose text is about the number of errors, not about
    what went wrong in a task.
    """
    chain = [error]
    while isinstance(group := chain[-1], BaseExceptionGroup):
        chain.append(group.exceptions[0])
    return tuple(chain)


def _is_learners(shell: InteractiveShell, topic: Topic, frame: FrameType) -> bool:
    """Whether `frame` runs what the learner wrote: a notebook cell, or a file next to it.

    The course's own helper cells are in the same notebook, and are not the learner's.
    """
    name = frame.f_code.co_filename
    if name.startswith("<check "):
        return False
    source = "".join(linecache.getlines(name, frame.f_globals)).strip()
    if any(cell.source.strip() == source for cell in topic.cells if cell.role != "exercise"):
        return False
    return frame.f_globals is shell.user_ns or Path(name).parent == Path.cwd()


def _place(shell: InteractiveShell, frame: FrameType, line: int) -> Place:
    name = frame.f_code.co_filename
    cell = shell.compile.format_code_name(name)
    where = cell[1].replace("In[", "cell [") if cell else Path(name).name
    function = frame.f_code.co_name
    return Place(
        where,
        line,
        "" if function == "<module>" else function,
        linecache.getline(name, line, frame.f_globals).strip(),
    )


def _cure(topic: Topic, exercise: Exercise, error: NameError) -> str | None:
    """Which cell to run first, when a name is missing that the notebook defines."""
    name = getattr(error, "name", None)
    if name is None:
        return None
    for cell in topic.cells:
        if cell.role in ("plain", "exercise") and name in defined_names(cell.source):
            if cell.role == "exercise":
                return f"`{name}` is not there yet: run the cell with {cell.name} first."
            return f"`{name}` is not there yet: run the cells above {exercise.id} first."
    return None


def defined_names(source: str) -> set[str]:
    """The names that a cell's top level binds; none for a cell that is not plain Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return set()
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(statement.name)
            case ast.Import() | ast.ImportFrom():
                names.update(a.asname or a.name.split(".")[0] for a in statement.names)
            case _:
                names.update(
                    node.id
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                )
    return names


def _named(error: BaseException) -> str:
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text(error: BaseException) -> str:
    """The error's own text; a learner's class may not even be able to give one."""
    try:
        text = str(error).strip()
    except Exception:
        return ""
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
