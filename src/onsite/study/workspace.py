"""release/ -> work/: the learner's own copies, which are theirs from then on.

A file the learner changed is never written again. What was copied is remembered by its hash in
work/.onsite.json, so that a copy nobody touched can follow the course, and so that a newer version
of one that was touched is laid beside it, once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from onsite.course.layout import Layout
from onsite.errors import OnsiteError
from onsite.files import write_atomically

STATE = ".onsite.json"
LOCK = ".onsite.lock"

# For each file below work/: the hash of the course's version that was copied or laid beside it.
State = dict[str, str]


@dataclass(slots=True)
class SyncReport:
    """What a sync did, as places below work/ in order."""

    copied: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def sync(layout: Layout, today: date | None = None) -> SyncReport:
    """Bring the course's notebooks and their files to work/; two at once take turns.

    Raises:
        OnsiteError: there is nothing in release/, or work/ cannot be written.
    """
    files = sorted(path for path in layout.release.glob("*/**/*") if path.is_file())
    if not files:
        raise OnsiteError(f"{layout.release} has no notebooks; run onsite build to make them.")
    report = SyncReport()
    try:
        with _only_one(layout.work):
            state = _read_state(layout.work / STATE)
            for path in files:
                place = path.relative_to(layout.release).as_posix()
                if _sync_file(layout, place, path.read_bytes(), state, report, today):
                    _write_state(layout.work / STATE, state)
    except OSError as error:
        raise OnsiteError(
            f"cannot write {error.filename or layout.work} ({error.strerror}); "
            "make the folder work/ writable."
        ) from error
    return report


def _sync_file(
    layout: Layout, place: str, new: bytes, state: State, report: SyncReport, today: date | None
) -> bool:
    """Bring one file up to date; tell whether `state` changed."""
    target = layout.work / place
    version = version_of(new, target.suffix)
    if not target.exists():
        write_atomically(target, new)
        report.copied.append(place)
    else:
        mine = version_of(target.read_bytes(), target.suffix)
        known = state.get(place)
        if known == version:
            return False
        if mine == known:
            write_atomically(target, new)
            report.updated.append(place)
        elif mine != version:
            name = _lay_beside(target, new, today or date.today())
            report.beside.append(name.relative_to(layout.work).as_posix())
    state[place] = version
    return True


def _lay_beside(target: Path, new: bytes, day: date) -> Path:
    """Write the newer version next to the learner's file, under a name that is free."""
    stem = f"{target.stem} (new version {day.isoformat()}"
    content = _with_note(new, target.name, day) if target.suffix == ".ipynb" else new
    number = 1
    while True:
        name = f"{stem}{'' if number == 1 else f' no. {number}'}){target.suffix}"
        path = target.with_name(name)
        # The same content: an interrupted sync got this far already.
        if not path.exists() or path.read_bytes() == content:
            write_atomically(path, content)
            return path
        number += 1


def _with_note(notebook: bytes, name: str, day: date) -> bytes:
    """The notebook with a first cell that says why it is here."""
    document = json.loads(notebook)
    note = (
        f"> **A newer version of this topic, of {day.isoformat()}.** Your own work is untouched in "
        f"`{name}`, which is also the one that is handed in. To go on with this version, move your "
        f"solutions here, then delete `{name}` and give this notebook its name."
    )
    document["cells"].insert(
        0, {"cell_type": "markdown", "id": "onsite-note", "metadata": {}, "source": [note]}
    )
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system drops when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_state(path: Path) -> State:
    """What was copied; after a loss of the file every changed copy counts as the learner's."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(state, dict):
        return {}
    return {str(place): str(version) for place, version in state.items()}


def _write_state(path: Path, state: Mapping[str, str]) -> None:
    write_atomically(path, json.dumps(state, indent=1, sort_keys=True).encode())


def version_of(content: bytes, suffix: str) -> str:
    """A hash of what tells versions of a file apart: a notebook's cells, else every byte.

    JupyterLab rewrites a notebook's metadata and outputs when it is merely opened or run.
    """
    if suffix == ".ipynb":
        with suppress(ValueError, KeyError, TypeError):
            cells = [
                (cell["cell_type"], "".join(cell["source"]), cell.get("attachments"))
                for cell in json.loads(content)["cells"]
            ]
            content = json.dumps(cells, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()
