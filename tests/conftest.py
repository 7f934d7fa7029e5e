"""For all tests: how many run at once, and that they can be interrupted."""

from __future__ import annotations

import signal

import psutil
import pytest


def pytest_configure() -> None:
    """Let what tests start be interrupted, however they were started themselves."""
    # A shell has what it runs in the background ignore SIGINT, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: half of what tests do is to wait for servers."""
    return (psutil.cpu_count() or 1) + 1
