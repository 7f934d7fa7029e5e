"""For all tests: how many run at once."""

from __future__ import annotations

import psutil
import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: half of what tests do is to wait for servers."""
    return (psutil.cpu_count() or 1) + 1
