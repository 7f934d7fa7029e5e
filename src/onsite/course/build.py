"""notebooks/ -> source/ -> release/, deterministic to the byte, and the check for drift."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat

from onsite.course import compiler
from onsite.course.layout import Layout
from onsite.course.model import Course, Topic
from onsite.errors import OnsiteError
from onsite.files import write_atomically

# What a build makes: the content of each file, by its place below source/ or release/.
Files = Mapping[PurePosixPath, bytes]
_LIBRARIES = ("jupytext", "nbconvert", "nbformat", "nbgrader")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did, as `module/topic` names in course order."""

    built: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def build(
    layout: Layout,
    course: Course,
    topics: Sequence[Topic],
    advance: Callable[[str], None] = lambda topic: None,
) -> BuildReport:
    """Bring source/ and release/ up to date for `topics`; remove what the course no longer has.

    A topic is built again only when its text, its syllabus entry, this package or a library that
    writes notebooks changed, or when one of its two notebooks is not what the last build wrote.
    `advance` is told of each topic as it is finished.

    Raises:
        OnsiteError: nbgrader refused a notebook.
    """
    state_file = layout.build / "state.json"
    state = _read_state(state_file)
    built: list[str] = []
    unchanged: list[str] = []
    for module in dict.fromkeys(topic.module for topic in topics):
        inputs = {_key(t): _fingerprint(t) for t in topics if t.module == module}
        stale = [
            topic
            for topic in topics
            if topic.module == module and state.get(_key(topic)) != _stamp(layout, topic, inputs)
        ]
        data = module_files(layout, module)
        sources = {**compile_sources(stale), **data}
        releases = generate_release(sources) if stale else data  # nbgrader copies data as it is
        for folder, files in ((layout.source, sources), (layout.release, releases)):
            for place, content in files.items():
                if not _same(folder / place, content):
                    write_atomically(folder / place, content)
        for topic in topics:
            if topic.module != module:
                continue
            state[_key(topic)] = _stamp(layout, topic, inputs)
            (built if topic in stale else unchanged).append(_key(topic))
            advance(_key(topic))
        # After each module, so that a refusal in a later one does not cost this one's work.
        write_atomically(state_file, json.dumps(state, indent=1, sort_keys=True).encode())
    removed = _remove_stale(layout, course)
    return BuildReport(tuple(built), tuple(unchanged), tuple(removed))


def drift(layout: Layout, course: Course, topics: Sequence[Topic]) -> list[str]:
    """What `build` would change, one sentence a file; nothing is written.

    Raises:
        OnsiteError: nbgrader refused a notebook.
    """
    found: list[str] = []
    for module in dict.fromkeys(topic.module for topic in topics):
        chosen = [topic for topic in topics if topic.module == module]
        sources = {**compile_sources(chosen), **module_files(layout, module)}
        releases = generate_release(sources)
        for folder, files in ((layout.source, sources), (layout.release, releases)):
            for place, content in files.items():
                path = folder / place
                if not path.exists():
                    found.append(f"{folder.name}/{place} is missing")
                elif not _same(path, content):
                    found.append(f"{folder.name}/{place} is not what notebooks/ compiles to")
    return found + [
        f"{path.relative_to(layout.root)} has nothing behind it in notebooks/"
        for path in _stale(layout, course)
    ]


def compile_sources(topics: Iterable[Topic]) -> dict[PurePosixPath, bytes]:
    """Compile topics to the notebooks of source/."""
    return {
        _place(topic): (nbformat.writes(compiler.compile_topic(topic)) + "\n").encode()
        for topic in topics
    }


def module_files(layout: Layout, module: str) -> dict[PurePosixPath, bytes]:
    """Data and pictures that a module's notebooks use: all that is in its folder but topics."""
    folder = layout.notebooks / module
    return {
        PurePosixPath(module, path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".md", ".ipynb", ".pyc")
        if not _is_hidden(path.relative_to(folder))
    }


def generate_release(sources: Files) -> dict[PurePosixPath, bytes]:
    """Let nbgrader make the student versions, in a folder of its own and without its database.

    Raises:
        OnsiteError: nbgrader refused a notebook; the sentence holds its reason.
    """
    # nbgrader takes a second to import, and an up-to-date build does not need it.
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    log = _ErrorLog()
    with tempfile.TemporaryDirectory(prefix="onsite-build-") as folder:
        root = Path(folder).resolve()
        for place, content in sources.items():
            write_atomically(root / "source" / place, content)
        for module in dict.fromkeys(place.parts[0] for place in sources):
            coursedir = CourseDirectory(root=str(root), assignment_id=module, config=config)
            converter = GenerateAssignment(coursedir=coursedir, config=config)
            converter.log = log.logger
            try:
                converter.start()
            except NbGraderException as error:
                reason = " ".join((log.last or str(error)).split())
                raise OnsiteError(
                    f"nbgrader refused a notebook of {module}: {reason}; mend that topic."
                ) from None
        release = root / "release"
        return {
            PurePosixPath(path.relative_to(release).as_posix()): path.read_bytes()
            for path in sorted(release.rglob("*"))
            if path.is_file()
        }


class _ErrorLog(logging.Handler):
    """Keeps nbgrader's last error instead of printing its running commentary."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""
        self.logger = logging.Logger("onsite.build", logging.ERROR)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def _key(topic: Topic) -> str:
    return f"{topic.module}/{topic.id}"


def _place(topic: Topic) -> PurePosixPath:
    return PurePosixPath(topic.module, f"{topic.id}.ipynb")


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _fingerprint(topic: Topic) -> str:
    """All that a topic's notebooks depend on."""
    return _digest(topic.path.read_bytes(), repr(topic.plan).encode(), _tools())


@functools.cache
def _tools() -> bytes:
    """This package and the libraries that read and write notebooks, as they are now."""
    package = sorted(Path(compiler.__file__).parent.glob("*.py"))
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    return b"\0".join([*(path.read_bytes() for path in package), *map(str.encode, versions)])


def _stamp(layout: Layout, topic: Topic, inputs: Mapping[str, str]) -> str:
    """A topic's inputs and both its notebooks as they are now."""
    notebooks = [layout.source / _place(topic), layout.release / _place(topic)]
    contents = [path.read_bytes() if path.exists() else b"" for path in notebooks]
    return _digest(inputs[_key(topic)].encode(), *contents)


def _same(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _read_state(path: Path) -> dict[str, str]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no state: everything is built again
    return state if isinstance(state, dict) else {}


def _stale(layout: Layout, course: Course) -> list[Path]:
    """Notebooks and data in source/ and release/ that nothing in notebooks/ stands behind."""
    kept = {_place(topic) for topic in course.topics}
    for module in course.modules:
        kept |= set(module_files(layout, module.id))
    return [
        path
        for folder in (layout.source, layout.release)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent != folder and not _is_hidden(path.relative_to(folder))
        if PurePosixPath(path.relative_to(folder).as_posix()) not in kept
    ]


def _remove_stale(layout: Layout, course: Course) -> list[str]:
    removed = []
    for path in _stale(layout, course):
        path.unlink()
        removed.append(str(path.relative_to(layout.root)))
        folder = path.parent
        while folder not in (layout.source, layout.release) and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    return removed


def _is_hidden(path: Path) -> bool:
    """Editors' and interpreters' own files, which are no part of a course."""
    return any(part[0] == "." or part == "__pycache__" for part in path.parts)
