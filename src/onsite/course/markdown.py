"""A Markdown notebook as cells with their line numbers, by jupytext."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import yaml

from onsite.course.problems import FormError, Problem

_FENCE = re.compile(r"^(`{3,}|~{3,})(?!.*`)(.*)$")
_REGION = re.compile(r"^<!--\s*#(end)?(region|markdown|md|raw)\b.*-->\s*$")
# What is meant as a region marker, whether or not jupytext takes it for one.
_NEAR_REGION = re.compile(r"^\s*<!--\s*#(end)?(region|markdown|md|raw)\b")
_OPENING = re.compile(r"^(`{3,}\s*\w|<!--\s*#(region|markdown|md|raw)\b)")
# These end a line for jupytext (and str.splitlines) but for no editor.
_ODD_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# jupytext is told the language, or it would take the commonest one in the file; and a header
# keeps it from looking for an `encoding:` declaration in the title.
_NEUTRAL_HEADER = "---\njupyter:\n  jupytext:\n    main_language: python\n---\n\n"


@dataclass(frozen=True, slots=True)
class RawCell:
    """A cell as jupytext read it: its fence's attributes, and the line its text starts on.

    `language` is that of the fence when it is not Python; jupytext makes a %%magic of it.
    """

    number: int
    kind: str
    source: str
    line: int
    attributes: Mapping[str, Any]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown notebook: its YAML header, the line of each key in it, and its cells."""

    path: Path
    header: Mapping[str, Any]
    header_lines: Mapping[str, int]
    cells: tuple[RawCell, ...]


def read_document(path: Path) -> Document:
    """Read a Markdown notebook.

    Raises:
        FormError: unreadable, not UTF-8, a broken YAML header, or a fence or region whose limits
            are not clear.
    """
    text = _read(path)
    problems = [*_odd_separators(path, text), *_unclear_blocks(path, text)]
    header, header_lines, length = _header(path, text, problems)
    if problems:
        raise FormError(problems)
    lines = text.split("\n")[length:]
    notebook = jupytext.reads(_NEUTRAL_HEADER + "\n".join(lines).lstrip("\n"), fmt="md")
    cells: list[RawCell] = []
    row = 0  # of `lines`, after the cells read so far
    for cell in notebook.cells:
        source = str(cell.source)
        language = ""
        written = source.split("\n")
        start = _find(lines, written, row)
        if start is None and source.startswith("%%"):
            # A fence in another language comes back with a %%magic line that is not in the file.
            language = written[0].removeprefix("%%").split()[0]
            written = written[1:] or [""]
            start = _find(lines, written, row)
        if start is None:
            start = row
        row = start + len(written)
        cells.append(
            RawCell(
                number=len(cells) + 1,
                kind=str(cell.cell_type),
                source=source,
                line=length + start + 1,
                attributes={
                    key: value
                    for key, value in cell.metadata.items()
                    if key not in ("lines_to_next_cell", "region_name")
                },
                language=language,
            )
        )
    return Document(path, header, header_lines, tuple(cells))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark
    except FileNotFoundError:
        raise FormError([Problem(path, 0, "", "there is no such file", "create it")]) from None
    except UnicodeDecodeError:
        content = path.read_bytes()
        line = next(n for n, part in enumerate(content.split(b"\n"), 1) if not _is_utf8(part))
        raise FormError(
            [Problem(path, line, "", "a byte is not UTF-8", "save the file as UTF-8")]
        ) from None
    except OSError as error:
        what = f"it cannot be read ({error.strerror})"
        raise FormError([Problem(path, 0, "", what, "make it a readable file")]) from None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _find(lines: list[str], wanted: list[str], row: int) -> int | None:
    """The first row, at or after `row`, where the lines of a cell start."""
    if wanted == [""]:  # an empty cell: what follows its opening line
        return next((n + 1 for n in range(row, len(lines)) if _OPENING.match(lines[n])), None)
    for start in range(row, len(lines) - len(wanted) + 1):
        if lines[start : start + len(wanted)] == wanted:
            return start
    return None


def _header(
    path: Path, text: str, problems: list[Problem]
) -> tuple[Mapping[str, Any], Mapping[str, int], int]:
    """The YAML header, the line of each key, and how many lines of the file it takes."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        problems.append(
            Problem(path, 1, "", "the YAML header is missing", "start the file with `---`")
        )
        return {}, {}, 0
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        problems.append(
            Problem(path, 1, "", "the YAML header never ends", "close it with a line `---`")
        )
        return {}, {}, 0
    written = "\n".join(lines[1:end])
    try:
        header = yaml.safe_load(written)
        node = yaml.compose(written, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        line = mark.line + 2 if mark else 1
        problems.append(Problem(path, line, "", f"the header: {what}", "mend the YAML"))
        return {}, {}, end + 1
    if not isinstance(node, yaml.MappingNode):
        problems.append(
            Problem(path, 1, "", "the header is not a mapping", "write `key: value` lines")
        )
        return {}, {}, end + 1
    key_lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 2
        if key.value in key_lines:
            what = f"the header has a second {key.value!r}"
            problems.append(Problem(path, line, "", what, "keep one"))
        key_lines.setdefault(str(key.value), line)
    return header, key_lines, end + 1


def _odd_separators(path: Path, text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), 1):
        if match := _ODD_SEPARATORS.search(line):
            what = f"the character U+{ord(match[0]):04X} would end the line for jupytext"
            yield Problem(path, number, "", what, "delete it, or write it as an escape in code")


def _unclear_blocks(path: Path, text: str) -> Iterator[Problem]:
    """Fences and regions whose end jupytext would guess, and so put cells into other cells."""
    fence: tuple[str, int] | None = None
    region: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if match := _FENCE.match(line):
            marks, info = match[1], match[2].strip()
            if fence is None:
                fence = (marks, number)
            elif marks.startswith(fence[0]):
                if info:
                    yield Problem(
                        path, fence[1], "",
                        f"this code fence is still open on line {number}, where another starts",
                        f"close it with {fence[0]}, or open it with a longer fence",
                    )  # fmt: skip
                    fence = (marks, number)
                    region = None  # the fence may have hidden its end
                else:
                    fence = None
        elif fence is None and (match := _NEAR_REGION.match(line)):
            if not _REGION.match(line):
                yield Problem(
                    path, number, "", "this region marker is not alone on its line",
                    "start the line with `<!-- #` and end it with `-->`",
                )  # fmt: skip
            if match[1]:
                if region is None:
                    yield Problem(
                        path, number, "", "this ends a region, and none is open",
                        "drop it, or add the `<!-- #region ... -->` that it ends",
                    )  # fmt: skip
                region = None
            else:
                if region is not None:
                    yield Problem(
                        path, region, "", f"a region starts inside this one, on line {number}",
                        "close each region with `<!-- #endregion -->` before the next",
                    )  # fmt: skip
                region = number
    if fence:
        yield Problem(path, fence[1], "", "this code fence is never closed", f"add {fence[0]}")
    if region is not None:
        yield Problem(path, region, "", "this region is never closed", "add <!-- #endregion -->")
