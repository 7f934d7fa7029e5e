"""A Markdown notebook as cells with their line numbers, by jupytext."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import yaml

from onsite.course.problems import FormError, Problem

_FENCE = re.compile(r"^(`{3,}|~{3,})")
_REGION = re.compile(r"^\s*<!--\s*#(end)?region\b")


@dataclass(frozen=True, slots=True)
class RawCell:
    """A cell as jupytext read it: its fence's attributes, and the line its text starts on."""

    number: int
    kind: str
    source: str
    line: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown notebook: its YAML header and its cells."""

    path: Path
    header: Mapping[str, Any]
    cells: tuple[RawCell, ...]


def read_document(path: Path) -> Document:
    """Read a Markdown notebook.

    Raises:
        FormError: not UTF-8, a broken YAML header, or a fence or region that is never closed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FormError([Problem(path, 0, "", "there is no such file", "create it")]) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise FormError(
            [Problem(path, line, "", "a byte is not UTF-8", "save the file as UTF-8")]
        ) from None
    problems = list(_unclosed(path, text))
    header, length = _header(path, text, problems)
    if problems:
        raise FormError(problems)
    body = text.split("\n", length)[-1].lstrip("\n")  # a leading blank line is no text
    above = text.count("\n", 0, len(text) - len(body))
    notebook = jupytext.reads(body, fmt="md")
    cells: list[RawCell] = []
    position = 0
    for cell in notebook.cells:
        source = str(cell.source)
        # A fence in another language comes back with a %%magic line that is not in the file.
        written = source.split("\n", 1)[-1] if source.startswith("%%") else source
        found = body.find(written, position)
        start = found if found >= 0 else position
        position = start + len(written)
        cells.append(
            RawCell(
                number=len(cells) + 1,
                kind=str(cell.cell_type),
                source=source,
                line=above + body.count("\n", 0, start) + 1,
                attributes={
                    key: value
                    for key, value in cell.metadata.items()
                    if key != "lines_to_next_cell"
                },
            )
        )
    return Document(path, header, tuple(cells))


def _header(path: Path, text: str, problems: list[Problem]) -> tuple[Mapping[str, Any], int]:
    """The YAML header, and how many lines of the file it takes."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        problems.append(
            Problem(path, 1, "", "the YAML header is missing", "start the file with `---`")
        )
        return {}, 0
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        problems.append(
            Problem(path, 1, "", "the YAML header never ends", "close it with a line `---`")
        )
        return {}, 0
    try:
        header = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "is not YAML"
        line = mark.line + 2 if mark else 1
        problems.append(Problem(path, line, "", f"the header: {what}", "mend the YAML"))
        return {}, end + 1
    if not isinstance(header, Mapping):
        problems.append(
            Problem(path, 1, "", "the header is not a mapping", "write `key: value` lines")
        )
        return {}, end + 1
    return header, end + 1


def _unclosed(path: Path, text: str) -> list[Problem]:
    """Fences and regions that run to the end of the file, which jupytext would accept."""
    fence: tuple[str, int] | None = None
    region: int | None = None
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if match := _FENCE.match(line):
            if fence is None:
                fence = (match[1], number)
            elif line.rstrip() == match[1] and match[1].startswith(fence[0]):
                fence = None
        elif fence is None and (match := _REGION.match(line)):
            if match[1]:
                region = None
            elif region is not None:
                problems.append(
                    Problem(
                        path,
                        region,
                        "",
                        f"a region starts inside this one, on line {number}",
                        "close each region with `<!-- #endregion -->` before the next",
                    )
                )
                region = number
            else:
                region = number
    if fence:
        problems.append(
            Problem(path, fence[1], "", "this code fence is never closed", f"add {fence[0]}")
        )
    if region is not None:
        problems.append(
            Problem(path, region, "", "this region is never closed", "add <!-- #endregion -->")
        )
    return problems
