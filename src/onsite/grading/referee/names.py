"""Which names the parts of a syntax tree bind, and read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SCOPE = FUNCTION | ast.ClassDef


def bound(tree: ast.Module) -> Iterator[str]:
    """The names that the statements of a module bind, and those declared global anywhere."""
    yield from bindings(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names


def bound_in(node: Any) -> Iterator[str]:
    """The names that a function or class binds in its own scope."""
    if isinstance(node, FUNCTION):
        every = node.args
        for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs):
            yield argument.arg
        yield from (rest.arg for rest in (every.vararg, every.kwarg) if rest is not None)
    yield from bindings([node.body] if isinstance(node, ast.Lambda) else node.body)


def bindings(body: Sequence[ast.AST]) -> Iterator[str]:
    """The names that nodes bind, those of comprehensions too, but not what is in functions."""
    for node in body:
        yield from named_in(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        if not isinstance(node, SCOPE):
            yield from bindings(list(ast.iter_child_nodes(node)))


def named_in(node: ast.AST) -> Iterator[str]:
    """The names that a node itself binds by what is no expression in it."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import() | ast.ImportFrom():
            yield from (each.asname or each.name.partition(".")[0] for each in node.names)
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def local_names(tree: ast.Module) -> frozenset[str]:
    """Every name that any scope of the cell binds."""
    scopes = [node for node in ast.walk(tree) if isinstance(node, SCOPE)]
    return frozenset(name for scope in scopes for name in bound_in(scope))
