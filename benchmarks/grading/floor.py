"""The least that a notebook can cost: fork a warm process, and exec the same cells in the fork.

No IPython, no outputs kept, no limits, no sandbox, no verdict. A program of its own, because it
must have one thread to fork: from standard input it reads JSON, what to import ("optional") and the
submissions (each the sources of its cells), and prints for each its seconds and how many cells
raised.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import json
import os
import sys
import time
import types

from onsite.grading.zygote import warm_up


def execute(sources: list[str]) -> int:
    """Run the cells in one namespace; how many raised, which does not stop the rest."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    names["__builtins__"] = builtins
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def cell(source: str) -> None:
        code = compile(source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)  # noqa: S307 - what is measured
        else:
            exec(code, names)  # noqa: S102

    raised = 0
    for source in sources:
        try:
            loop.run_until_complete(cell(source))
        except BaseException:
            raised += 1
    return raised


def measure(sources: list[str]) -> tuple[float, int]:
    """Seconds from before the fork until it has ended, and how many cells raised."""
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        raised = 0
        try:
            raised = execute(sources)
        finally:
            os._exit(raised)
    _, status = os.waitpid(pid, 0)
    return time.perf_counter() - started, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    warm_up(request["optional"])
    quiet = os.open(os.devnull, os.O_RDWR)
    answer = os.dup(1)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    results = [measure(sources) for sources in request["submissions"]]
    os.write(answer, json.dumps(results).encode())


if __name__ == "__main__":
    main()
