"""Waiting for processes that are not this one's children."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil


def left_after(seconds: float, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after so many seconds; returns as soon as none does.

    `psutil.wait_procs` would raise FileNotFoundError (psutil 7.2, Linux 6.18) for one whose number
    is a thread's by now, which happens after some ten thousand processes.
    """
    deadline = time.monotonic() + seconds
    left = [process for process in processes if _runs(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if _runs(process)]
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
