"""Programs from Debian packages: fetched once, safely, and with clear messages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.services.owners import SOURCE, Owner
from tests.services.test_account import ROOT, STRANGER, ordinary, place

from onsite.errors import OnsiteError
from onsite.services import debian, folders
from onsite.services.packages import PACKAGES, cure, package_of
from onsite.services.programs import find_program

pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="only Debian and its kin have Debian packages"
)
__all__ = ["ordinary", "place"]  # fixtures
NAMES = PACKAGES["memcached"].debian
FETCH = (
    "from onsite.services import debian\n"
    "tree = debian.fetch(('memcached',))\n"
    "say([str(tree.root), tree.origin])\n"
)


@pytest.fixture
def empty(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder that has no packages yet."""
    place = runtime.with_name("without packages")
    monkeypatch.setenv("ONSITE_RUNTIME", str(place))
    yield folders.home() / "packages"
    shutil.rmtree(place)


@pytest.mark.slow
def test_a_package_is_fetched_once_and_its_program_runs(empty: Path) -> None:
    tree = debian.fetch(NAMES)
    assert tree.root == empty / "memcached" / "root"
    assert tree.origin.startswith("Debian package memcached 1.")
    made = tree.root.stat().st_mtime_ns
    assert debian.fetch(NAMES) == debian.unpacked(NAMES) == tree
    assert tree.root.stat().st_mtime_ns == made
    program = find_program(("memcached",), None, (), "", NAMES)
    assert program.path.is_relative_to(empty)
    assert program.banner.startswith("memcached 1.")
    assert not list(empty.glob("**/*.deb")), "downloads are not kept"
    assert not (tree.root / "usr/share/doc").exists()


@pytest.mark.slow
def test_libraries_that_are_missing_here_come_along(empty: Path) -> None:
    tree = debian.fetch(PACKAGES["pgbouncer"].debian)
    program = find_program(("pgbouncer",), None, (), "", (tree.package,))
    needed = subprocess.run(
        ["ldd", program.path], capture_output=True, text=True, env=dict(program.environment)
    ).stdout
    assert "libcares" in needed
    assert "not found" not in needed


@pytest.mark.slow
def test_two_at_once_fetch_it_once(own: Callable[..., Owner], empty: Path) -> None:
    owners = [own(FETCH) for _ in range(2)]
    assert (
        owners[0].hear()
        == owners[1].hear()
        == [
            str(empty / "memcached" / "root"),
            debian.fetch(NAMES).origin,
        ]
    )
    assert [owner.end() for owner in owners] == [0, 0]


@pytest.mark.slow
def test_one_that_is_killed_leaves_nothing_that_is_used(
    own: Callable[..., Owner], empty: Path
) -> None:
    owner = own(
        "from onsite.services import debian\n"
        "run = debian._run\n"
        "def die(command, **options):\n"
        "    if command[0] == 'dpkg' and command[1] == '-x':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return run(command, **options)\n"
        "debian._run = die\n"
        "debian.fetch(('memcached',))\n"
    )
    assert owner.end() == -9
    assert debian.unpacked(NAMES) is None
    assert (empty / ".new").exists(), "it was interrupted in the middle"
    assert debian.fetch(NAMES).version
    assert not (empty / ".new").exists()


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="an ordinary user runs all the tests in this file anyway")
def test_an_ordinary_user_can_fetch(own: Callable[..., Owner], ordinary: dict[str, Any]) -> None:
    folder = Path(ordinary["env"]["PYTHONPATH"]).parent / "a package folder"
    folder.mkdir()
    os.chown(folder, STRANGER.uid, STRANGER.gid)
    environment = ordinary["env"] | {"ONSITE_RUNTIME": str(folder / "runtime")}
    owner = own(FETCH, **(ordinary | {"env": environment}))
    root, origin = owner.hear()
    assert root.startswith(str(folder))
    assert origin.startswith("Debian package memcached 1.")
    assert owner.end() == 0


def lie(monkeypatch: pytest.MonkeyPatch, runtime: Path, script: str) -> None:
    """Put an apt-get first on PATH that does what `script` says."""
    folder = runtime.with_name("lying apt")
    folder.mkdir(exist_ok=True)
    (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_offline_is_said_so(empty: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lie(
        monkeypatch,
        runtime,
        "echo 'W: Failed to fetch the list:  Temporary failure resolving' >&2\n"
        "[ $3 = update ] || { echo 'E: Unable to locate package memcached' >&2; exit 100; }",
    )
    with pytest.raises(OnsiteError) as caught:
        find_program(("memcached",), None, (), cure("memcached"), NAMES)
    for words in (
        "Failed to fetch the list: Temporary failure resolving",
        "Unable to locate package memcached",
        "connect to the network and try again",
        "`apt install memcached`, `brew install memcached` or `conda install memcached`",
        "./onsite services add memcached",
        "ONSITE_MEMCACHED_URL",
    ):
        assert words in str(caught.value)
    assert debian.unpacked(NAMES) is None


def test_without_apt_one_message_names_the_packages(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(OnsiteError, match=r"there is no memcached on this machine; install it"):
        find_program(("memcached",), None, (), cure("memcached"), NAMES)
    with pytest.raises(OnsiteError, match="only on Debian or Ubuntu: no apt-get here"):
        debian.fetch(NAMES)


def test_a_full_disk_is_said_so(
    empty: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(monkeypatch, runtime, "exit 0")

    def full(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OnsiteError, match=r"No space left on device; free room there, or set"):
        debian.fetch(NAMES)


def test_the_command_that_adds_a_service(runtime: Path) -> None:
    def add(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "onsite", "services", "add", name],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )

    added = add("memcached")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("memcached: Debian package memcached 1.")
    unknown = add("nosuch")
    assert unknown.returncode == 2
    assert "there is no service 'nosuch' to add; there are postgres, valkey" in unknown.stderr


def test_every_package_has_all_that_its_message_needs() -> None:
    for service, package in PACKAGES.items():
        said = cure(service)
        assert f"./onsite services add {service}" in said
        if package.debian:
            assert f"apt install {package.debian[0]}" in said
        if package.pip:
            assert f"pip install {package.pip}" in said
        assert package.variable in said
    with pytest.raises(OnsiteError, match="no service 'x'"):
        package_of("x")
