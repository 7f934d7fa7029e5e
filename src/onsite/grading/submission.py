"""What one student handed in for a module, read with suspicion."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from onsite.course.layout import Layout
from onsite.grading.restore import MAX_BYTES, SubmissionError

#: A student's folder name: it becomes a path, a database key and part of a command line.
STUDENT = re.compile(r"\w[\w.@-]*")
#: How long it may be in bytes: files are named by it, with more behind it.
LONGEST_ID = 128
#: What folders in submitted/ begin with in which a hand-in is made ready: see study/submit.py.
STAGING = ".handing-in-"
_TIME = re.compile(r"[\w:.,+-]+(?: [\w:.,+-]+)*(?: [A-Za-z]+(?:/[\w+-]+)+)?")


@dataclass(frozen=True, slots=True)
class Submission:
    """What one student handed in for a module: the notebooks' bytes by topic.

    `submitted` is when, in UTC without a zone; None if unknown. `missing` topics were not handed
    in; `unreadable` ones were, with the reason.
    """

    student: str
    module: str
    submitted: datetime | None
    notebooks: Mapping[str, bytes]
    missing: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """All of it as JSON; bytes that are no UTF-8 travel as lone surrogates."""
        return json.dumps(
            {
                "student": self.student,
                "module": self.module,
                "submitted": self.submitted and self.submitted.isoformat(),
                "notebooks": {
                    topic: data.decode("utf-8", "surrogateescape")
                    for topic, data in self.notebooks.items()
                },
                "missing": self.missing,
                "unreadable": dict(self.unreadable),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Submission:
        """The submission that `to_bytes` wrote."""
        content = json.loads(data)
        when = content["submitted"]
        return cls(
            content["student"],
            content["module"],
            when and datetime.fromisoformat(when),
            {
                topic: text.encode("utf-8", "surrogateescape")
                for topic, text in content["notebooks"].items()
            },
            tuple(content["missing"]),
            content["unreadable"],
        )


def read_submitted(layout: Layout, student: str, module: str, topics: Iterable[str]) -> Submission:
    """Read what one student handed in.

    Only regular files in regular folders count, so that no link leads elsewhere and no pipe waits
    for ever.

    Raises:
        SubmissionError: the submission as a whole cannot be read.
    """
    if not STUDENT.fullmatch(student) or len(student.encode()) > LONGEST_ID:
        raise SubmissionError(
            f"submitted/{student!a} is not named by a student id; ids have letters, digits, and "
            f"inside also . _ @ and -, and at most {LONGEST_ID} bytes"
        )
    with _opened(layout, student, module) as folder:
        return _read(student, module, topics, folder)


@contextmanager
def _opened(layout: Layout, *names: str) -> Iterator[int]:
    """A folder of submitted/, in which files are then opened.

    A path would be looked up again for each file, and be a link by then.
    """
    place = layout.submitted
    with ExitStack() as stack:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, folder)
        for name in names:
            place /= name
            try:
                folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            except OSError as error:
                where = place.relative_to(layout.root)
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise SubmissionError(f"{where} is not a regular folder") from None
                raise SubmissionError(f"{where} cannot be read: {error.strerror}") from None
            stack.callback(os.close, folder)
        yield folder


def _read(student: str, module: str, topics: Iterable[str], folder: int) -> Submission:
    notebooks: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    missing: list[str] = []
    for topic in topics:
        try:
            data = read_regular(Path(f"{topic}.ipynb"), folder)
        except SubmissionError as error:
            unreadable[topic] = str(error)
        else:
            if data is None:
                missing.append(topic)
            else:
                notebooks[topic] = data
    return Submission(student, module, _timestamp(folder), notebooks, tuple(missing), unreadable)


def read_regular(path: Path, folder: int | None = None) -> bytes | None:
    """The file's content, at most just above what is allowed; None when there is no file.

    Args:
        path: which file.
        folder: a descriptor of the folder that `path` begins in, if not in the current one.

    Raises:
        SubmissionError: it is something else than a regular file, or cannot be read.
    """
    try:
        # Before it is opened, which a device may take for a command.
        if not stat.S_ISREG(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode):
            raise SubmissionError(f"{path.name} is not a regular file")
        # Neither follows a link nor waits for a pipe, should one be there by now.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SubmissionError(f"{path.name} is not a regular file")
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from None


def _timestamp(folder: int) -> datetime | None:
    """When it was handed in, from nbgrader's timestamp.txt."""
    data = read_regular(Path("timestamp.txt"), folder)
    if data is None or not (text := data[:200].decode("utf-8", "replace").strip()):
        return None
    try:
        # nbgrader would open a file whose path is given as the time zone.
        if not _TIME.fullmatch(text):
            raise ValueError
        when: datetime = parse_utc(text)
    except (ValueError, ArithmeticError):  # of dates, of integers, of dateutil's decimals
        raise SubmissionError(
            f"timestamp.txt holds {text!a}, which is no time such as 2026-11-20 17:05:00 UTC"
        ) from None
    return when
