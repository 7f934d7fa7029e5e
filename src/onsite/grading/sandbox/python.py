"""Where this Python and its packages lie: the same inside a sandbox and outside."""

from __future__ import annotations

import sys
from pathlib import Path

import onsite


def python_folders() -> list[Path]:
    """The folders without which this Python does not start or has not all of its modules."""
    program = Path(sys.executable)
    wanted = [
        *(Path(place) for place in (sys.prefix, sys.base_prefix, sys.exec_prefix)),
        program.resolve().parents[1],
        Path(sys.prefix).resolve(),
        Path(sys.base_prefix).resolve(),
        Path(onsite.__file__).parent,
    ]
    found: list[Path] = []
    for folder in dict.fromkeys(wanted):
        if not any(folder.is_relative_to(other) for other in (Path("/usr"), *found)):
            found.append(folder)
    return found
