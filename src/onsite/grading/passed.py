"""Which limit a run or a cell has passed, and what people are told of it."""

from __future__ import annotations

import errno
import re

from onsite.grading.result import Limits, Passed

_NUMBERS: dict[int, Passed] = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "files",
    errno.EFBIG: "file_size",
    errno.ENOSPC: "disk",
}


def limit_in(name: str, message: str) -> Passed:
    """The limit that an exception of that class name and text speaks of.

    What a run says of itself is no evidence; this only helps people to understand an error.
    """
    if name == "MemoryError":
        return "memory"
    if name == "RuntimeError" and "can't start new thread" in message:
        return "processes"
    found = re.match(r"\[Errno (\d+)\]", message)
    number = int(found[1]) if found else 0
    # of fork; a socket that is not ready says the same, but seldom to the end of a cell
    if number == errno.EAGAIN and name == "BlockingIOError":
        return "processes"
    return _NUMBERS.get(number, "")


def explain(limit: Passed, limits: Limits) -> tuple[str, str]:
    """The name and the text of the error that says that a cell was ended for a limit, or died."""
    match limit:
        case "time":
            return (
                "CellTimeoutError",
                f"the cell ran longer than its {limits.seconds_per_cell:g} s, "
                f"or the notebook longer than its {limits.seconds:g} s",
            )
        case "output":
            return (
                "OutputLimitError",
                f"the cell printed or displayed more than {limits.output_bytes:,} bytes, "
                f"or the notebook more than {limits.notebook_bytes:,}",
            )
        case "cpu":
            return (
                "CpuLimitError",
                f"the notebook used more than {limits.cpu_seconds:g} s of processor time",
            )
        case "memory":
            return (
                "MemoryLimitError",
                f"the notebook and the processes it started held more than "
                f"{limits.memory_bytes:,} bytes of memory",
            )
        case "file_size":
            return (
                "FileSizeLimitError",
                f"the notebook wrote a file of more than {limits.file_bytes:,} bytes",
            )
    return "DeadKernelError", "the process that ran the notebook died"
