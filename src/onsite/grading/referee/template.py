"""The files naked.py and witnesses.py as code whose names are placeholders for constants."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import CodeType

from onsite.grading.referee.constants import MARK, REFEREE

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def lines(file: str) -> Mapping[str, frozenset[int]]:
    """The lines of each function of a file at which it speaks to the referee, or hands on."""
    return {
        function.name: frozenset(
            node.lineno
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("audit", "again")
        )
        for function in ast.parse(_text(file)).body
        if isinstance(function, _FUNCTION)
    }


@cache
def template(file: str) -> CodeType:
    """The code of a file, with placeholders."""
    tree = ast.parse(_text(file))
    functions = [node for node in tree.body if isinstance(node, _FUNCTION)]
    names = {node.name for node in functions} | {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTION):
            node.returns = None
            for argument in (*node.args.args, node.args.vararg, node.args.kwarg):
                if argument is not None:
                    argument.annotation = None
            # The first statement of each is its docstring, which a box would show.
            node.body = node.body[1:] if ast.get_docstring(node) else node.body
    module = _Marker(names).visit(ast.Module([*functions], []))
    with warnings.catch_warnings():
        # "bytes object is not callable": it will be another one.
        warnings.simplefilter("ignore")
        return compile(ast.fix_missing_locations(module), REFEREE, "exec")


def _text(file: str) -> str:
    return (Path(__file__).parent / f"{file}.py").read_text()


class _Marker(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._names or not isinstance(node.ctx, ast.Load):
            return node
        return ast.copy_location(ast.Constant(MARK + node.id.encode()), node)
