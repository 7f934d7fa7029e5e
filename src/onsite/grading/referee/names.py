"""Which names the parts of a syntax tree bind, and read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


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
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name
        yield from bindings(list(ast.iter_child_nodes(node)))


def local_names(tree: ast.Module) -> frozenset[str]:
    """Every name that any scope of the cell binds."""
    scopes = [
        node for node in ast.walk(tree) if isinstance(node, (*FUNCTION.__args__, ast.ClassDef))
    ]
    return frozenset(name for scope in scopes for name in bound_in(scope))
