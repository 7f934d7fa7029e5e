"""docs/services.md: its working lines work, and no handle is missing from it."""

from __future__ import annotations

import ast
import builtins
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import onsite.services
from onsite.services import handle

DOCS = Path(__file__).resolve().parents[2] / "docs" / "services.md"
HEADING = "| handle | what it is | one working line |"
SLOW = re.compile(r"\b(mq|db|cluster|ring|worker)\b")


def rows() -> Iterator[tuple[list[str], str]]:
    """The code in the first cell of each row, and its working line."""
    _, _, table = DOCS.read_text(encoding="utf-8").partition(HEADING + "\n")
    for line in table.splitlines()[1:]:
        if not line.startswith("|"):
            return
        cells = [html.unescape(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        (code,) = re.findall(r"^`([^`]+)`$", cells[2])
        yield re.findall(r"`([^`]+)`", cells[0]), code


ROWS = list(rows())


def used(code: str) -> set[str]:
    """The names that `code` reads."""
    names = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name))
    return {node.id for node in names} - set(dir(builtins))


def plain(call: str) -> str:
    """`name = call(options)` of the table without the options that have values there already."""
    tree = ast.parse(call).body[0]
    assert isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call)
    tree.value.keywords = []
    return ast.unparse(tree)


def makers() -> dict[str, str]:
    """How each name of the table is made."""
    return {
        match[1]: plain(code)
        for codes, _ in ROWS
        for code in codes
        if (match := re.match(r"(\w+) = ", code))
    }


def run(code: str, space: dict[str, Any]) -> None:
    """Execute `code`, after what makes the names that it reads."""
    given = makers()
    assigned = {
        target.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name in sorted(used(code) - assigned):
        if name in given and name not in space:
            run(given[name], space)
    exec(compile(code, str(DOCS), "exec"), space)  # noqa: S102 (our own documentation)


def case(line: str) -> Any:
    slow = SLOW.search(line)
    return pytest.param(line, id=line[:50], marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("line", [case(line) for _, line in ROWS])
def test_the_line_works(line: str) -> None:
    space: dict[str, Any] = {}
    exec("import psycopg, sqlalchemy\nfrom onsite.services import *", space)  # noqa: S102
    try:
        run(line, space)
    finally:
        for value in reversed(list(space.values())):
            if isinstance(value, handle.Handle):
                value.close()


def test_every_handle_has_a_row() -> None:
    functions = {name for name in onsite.services.__all__ if name.islower()}
    called = {
        call for codes, _ in ROWS for code in codes for call in re.findall(r"= (\w+)\(", code)
    }
    assert functions - {"redis"} <= called, "redis() is valkey()"


def test_the_lines_are_found() -> None:
    assert len(ROWS) >= 20
    assert "kv.client.ping()" in [line for _, line in ROWS]
