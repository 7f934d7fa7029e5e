"""Where this Python and its packages lie: the same inside a sandbox and outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import onsite

PACKAGES = ("site-packages", "dist-packages")


def python_folders() -> list[Path]:
    """The folders without which this Python does not start or has not all of its modules."""
    program = [*_steps(Path(sys.executable))][-1]
    wanted = [
        *(Path(place) for place in (sys.prefix, sys.base_prefix, sys.exec_prefix)),
        *(path.parents[1] for path in (program, program.resolve())),
        Path(sys.prefix).resolve(),
        Path(sys.base_prefix).resolve(),
        Path(onsite.__file__).parent,
        *package_folders(),
    ]
    found: list[Path] = []
    for folder in dict.fromkeys(wanted):
        if not _is_shown(folder, found):
            found.append(folder)
    return found


def python_links() -> dict[Path, str]:
    """Links elsewhere that lead from this Python's program to the real one, and where they lead."""
    folders = python_folders()
    return {
        path: os.readlink(path)  # noqa: PTH115  # as it is, relative or not
        for path in _steps(Path(sys.executable))
        if path.is_symlink() and not _is_shown(path, folders)
    }


def package_folders() -> list[Path]:
    """Folders of packages on the path of modules, such as those of `pip install --user`."""
    return [Path(place) for place in sys.path if Path(place).name in PACKAGES]


def _steps(path: Path) -> Iterator[Path]:
    """The path and, if it is a link, the one it leads to, and so on."""
    yield path
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def _is_shown(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in (Path("/usr"), *folders))
