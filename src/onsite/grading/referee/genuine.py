"""Whether code is what a library's file has, and not somebody's who has given it that file's name.

A code object says itself where it is from, and there are many ways to have it say something else.
What Python keeps beside a library's source, compiled, is out of reach of those whom that concerns.

Loaded apart (see apart.py).
"""

from __future__ import annotations

from marshal import loads
from os import O_RDONLY, close, fstat, read, stat
from os import open as open_file
from sys import implementation
from types import CodeType
from typing import Any

from onsite.grading.referee.kinds import has_surrogate

_HEADER = 16
_known: dict[str, frozenset[Any] | None] = {}


def is_genuine(code: CodeType) -> bool:
    """Whether the file that code says it is from has such code.

    Of a library whose compiled form nobody has kept, or which is out of date, the name is believed.
    """
    file = code.co_filename
    if type(file) is not str or not file.endswith(".py") or "/.." in file or has_surrogate(file):
        return False
    if file not in _known:
        _known[file] = _compiled(file)
    known = _known[file]
    return known is None or _marks(code) in known


def _compiled(file: str) -> frozenset[Any] | None:
    """What tells the code objects of a file from others; None if that is not to be had."""
    folder, _, name = file.rpartition("/")
    try:
        source = stat(file)  # noqa: PTH116 - Path is anybody's to change
    except OSError:
        return frozenset()
    try:
        data = _read(f"{folder}/__pycache__/{name[:-3]}.{implementation.cache_tag}.pyc")
    except OSError:
        return None
    flags, when, size = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8, 12))
    if not flags and (when, size) != (int(source.st_mtime) & 0xFFFFFFFF, source.st_size):
        return None
    found, todo = set(), [loads(data[_HEADER:])]  # noqa: S302 - as an import does
    while todo:
        one = todo.pop()
        found.add(_marks(one))
        todo += [each for each in one.co_consts if type(each) is CodeType]
    return frozenset(found)


def _marks(code: CodeType) -> tuple[Any, ...]:
    return code.co_name, code.co_firstlineno, code.co_code, code.co_names


def _read(path: str) -> bytes:
    file = open_file(path, O_RDONLY)
    try:
        left, parts = fstat(file).st_size, []
        while left > 0 and (part := read(file, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        close(file)
