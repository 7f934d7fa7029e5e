"""How a warm process is started: what a sandbox and its absence have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, its whole environment, and descriptors that it needs besides the control's."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()


def run_environment(hash_seed: int) -> dict[str, str]:
    """The variables that make Python behave alike in every run."""
    # One thread each: a process with threads cannot be forked safely, and runs share the cores.
    threads = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        "1",
    )
    return threads | {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
    }
