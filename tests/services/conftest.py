"""A runtime folder of the tests' own, and owners that are killed in the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.services.owners import SOURCE, Owner, is_alive, is_open, wait_until

from onsite.services import folders, handle
from onsite.services.running import VARIABLES

MEMORY = "/dev/shm"  # noqa: S108
#: What servers of these tests may take there, in bytes.
ROOM = 4 << 30
# The quick part of the suite tries the life cycle on PostgreSQL and Valkey; the servers of single
# topics, a second or so a test, belong to the whole of it.
QUICK_HANDLES = {"test_postgres", "test_valkey"}
SLOW_MODULES = {"test_compose", "test_docs", "test_faults", "test_python_program"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path
        of_a_topic = path.parent.name == "handles" and path.stem not in QUICK_HANDLES
        if "services" in path.parts and (of_a_topic or path.stem in SLOW_MODULES):
            item.add_marker(pytest.mark.slow)


def in_memory() -> str | None:
    """A folder in memory, where there is one with room and from which programs may be run.

    A thousand small files for each PostgreSQL, made and removed again, keep a slow disk busy for
    longer than all else that these tests do.
    """
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return None
    able = os.access(MEMORY, os.W_OK) and not found.f_flag & os.ST_NOEXEC
    return MEMORY if able and found.f_bavail * found.f_frsize >= ROOM else None


@pytest.fixture(autouse=True, scope="session")
def runtime() -> Iterator[Path]:
    """A runtime folder for these tests; it must be empty of servers when they end."""
    # not pytest's own temporary folder: root's is 0700, and servers of root run as nobody
    folder = Path(tempfile.mkdtemp(prefix="onsite-tests-", dir=in_memory()))
    folder.chmod(0o711)
    packages = folders.home() / "packages"  # what was fetched once is not fetched by each run
    before = os.environ.get("ONSITE_RUNTIME")
    os.environ["ONSITE_RUNTIME"] = str(folder / "runtime")
    (folder / "runtime").mkdir()
    (folder / "runtime" / "packages").symlink_to(packages)
    yield folder / "runtime"
    handle.close_all()
    try:
        # the keepers of owners that a test has killed may still be at it
        wait_until(lambda: not [*folders.server_folders()], "no server is left behind")
    finally:
        if before is None:
            del os.environ["ONSITE_RUNTIME"]
        else:
            os.environ["ONSITE_RUNTIME"] = before
        shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def no_servers_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have servers of their own; they are not for tests."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def own() -> Iterator[Callable[..., Owner]]:
    """Make owners; those that still run at the end of the test are killed."""
    owners: list[Owner] = []

    def make(code: str, *, command: tuple[str, ...] = (sys.executable,), **options: Any) -> Owner:
        inherited = os.environ.get("PYTHONPATH", "")
        environment = os.environ | {"PYTHONPATH": f"{SOURCE}:{inherited}".rstrip(":")}
        owners.append(Owner(code, command, **({"env": environment} | options)))
        return owners[-1]

    yield make
    for owner in owners:
        owner.process.kill()
        owner.process.communicate()


@pytest.fixture
def assert_gone() -> Callable[[list[dict[str, Any]]], None]:
    """Wait until nothing is left of the servers that an owner described."""

    def check(servers: list[dict[str, Any]]) -> None:
        assert servers, "the owner had no server to lose"
        for one in servers:
            wait_until(lambda: not is_alive(one["pid"]), f"server {one} is gone")  # noqa: B023
            wait_until(lambda: not is_alive(one["keeper"]), f"keeper of {one} is gone")  # noqa: B023
            wait_until(lambda: not is_open(one["port"]), f"port of {one} is closed")  # noqa: B023
            wait_until(lambda: not Path(one["folder"]).exists(), f"folder of {one} is gone")  # noqa: B023

    return check
