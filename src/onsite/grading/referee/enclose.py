"""A check's global names as variables of its own, which nothing else can bind anew while it runs.

The code of a check becomes that of a function. What it binds it also writes to the notebook's
names, where the code under test, and later cells, find it; but it reads its own. What earlier cells
of the instructor's have bound is in its variables when it begins.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import CodeType
from typing import Any, TypeVar

from onsite.grading.referee.constants import ABSENT, MARK
from onsite.grading.referee.names import SCOPE, named_in

_NAME = "<module>"  # as its frames are called anyway
_GIVEN = "<given>"  # its argument: a list with a row of what its variables have
_INNER = f"{_NAME}.<locals>."
_GLOBALS, _UNBOUND = MARK + b"builtins.globals", MARK + b"builtins.NameError"
_Node = TypeVar("_Node", bound=ast.AST)
#: What a function with these names of its own would do otherwise than a module.
_DYNAMIC = frozenset(("exec", "locals", "vars", "dir"))


@dataclass(frozen=True, slots=True)
class Enclosing:
    """How a check is enclosed.

    Attributes:
        names: the names that are its own; those of them that it neither binds nor reads are not.
        constants: other names that it may read, and what makes the constants they stand for.
        witness: makes a call of the witness that is told a name and its value.
    """

    names: frozenset[str]
    constants: Mapping[str, Callable[[], ast.expr]]
    witness: Callable[[str], ast.expr]


def can_be_enclosed(tree: ast.Module, names: frozenset[str]) -> bool:
    """Whether a module's code does the same as that of a function with `names` of its own."""
    own = names - _handled(tree)
    for node in _own_level(tree.body):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if name not in own:
                return False  # a function must not say `global` of it
            case ast.Name(id=name) if name in _DYNAMIC:
                return False
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return False
    return True


def enclose(
    tree: ast.Module, how: Enclosing, *, is_async: bool
) -> tuple[ast.Module, tuple[str, ...]]:
    """A module that has nothing but a function with the code of `tree`.

    Returns it, and the names that are the function's own. It takes them out of a list that is its
    argument, so that it alone has what they have. Of those that it binds it says at its end what
    they have then.
    """
    handled = _handled(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = {name for node in _own_level(tree.body) for name in _binds(node)}
    own = sorted((used | bound) & how.names - handled)
    others = (bound | handled).difference(own)
    first = beginning(tree.body)
    body = tree.body[len(first) :]
    body = _Exporting(frozenset(own)).statements(body)
    body = [
        *_begin(own),
        *(
            ast.Assign([ast.Name(name, ast.Store())], make())
            for name, make in sorted(how.constants.items())
            if name in used
        ),
        *([ast.Global(sorted(others))] if others else []),
        *body,
        *(_tell(name, how.witness) for name in own if name in bound),
    ]
    arguments = ast.arguments([], [ast.arg(_GIVEN)], None, [], [], None, [])
    make = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    made: Any = make(_NAME, arguments, body, [], None)
    made.type_params = []
    return ast.Module([*first, made], []), tuple(own)


def enclosed(code: CodeType) -> CodeType:
    """The function's code, from that of the module that has nothing else."""
    (found,) = (
        each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == _NAME
    )
    return _at_top_level(found)


def _at_top_level(code: CodeType) -> CodeType:
    """The code with what is in it called as if it stood in a module."""
    constants = tuple(
        _at_top_level(each)
        if isinstance(each, CodeType)
        else each.removeprefix(_INNER)
        if isinstance(each, str)
        else each
        for each in code.co_consts
    )
    return code.replace(co_consts=constants, co_qualname=code.co_qualname.removeprefix(_INNER))


def beginning(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements that have to stand at the beginning of a module."""
    return [*takewhile(_comes_first, body)]


def _comes_first(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def _handled(tree: ast.Module) -> set[str]:
    """The names of errors, which Python takes away again itself."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.name is not None
    }


def _begin(own: Sequence[str]) -> Iterator[ast.stmt]:
    """Give each variable what the notebook's name has, if it has something."""
    names: list[ast.expr] = [ast.Name(name, ast.Store()) for name in own]
    pop = ast.Call(ast.Attribute(ast.Name(_GIVEN, ast.Load()), "pop", ast.Load()), [], [])
    start = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=1)
    yield _at(start, ast.Assign([ast.Tuple(names, ast.Store())], pop))
    yield ast.Delete([ast.Name(_GIVEN, ast.Del())])
    for name in own:
        absent = ast.Compare(ast.Name(name, ast.Load()), [ast.Is()], [ast.Constant(ABSENT)])
        yield ast.If(absent, [ast.Delete([ast.Name(name, ast.Del())])], [])


def _tell(name: str, witness: Callable[[str], ast.expr]) -> ast.stmt:
    """Say what a variable has at the end, unless it has nothing."""
    unbound = ast.ExceptHandler(ast.Constant(_UNBOUND), None, [ast.Pass()])
    return ast.Try([ast.Expr(witness(name))], [unbound], [], [])


def _own_level(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every node that is not in a function or class of its own."""
    for node in body:
        yield node
        if not isinstance(node, SCOPE):
            yield from _own_level([*ast.iter_child_nodes(node)])


def _binds(node: ast.AST) -> Iterator[str]:
    """The names that a statement itself binds, a part of one, or an expression."""
    yield from named_in(node)
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            yield from _targets(targets)
        case ast.For(target=target) | ast.AsyncFor(target=target):
            yield from _targets([target])
        case ast.AugAssign(target=target) | ast.NamedExpr(target=target):
            yield from _targets([target])
        case ast.AnnAssign(target=target, value=ast.expr()):
            yield from _targets([target])
        case ast.withitem(optional_vars=ast.expr() as target):
            yield from _targets([target])


def _targets(targets: Sequence[ast.expr]) -> Iterator[str]:
    for target in targets:
        match target:
            case ast.Name(id=name):
                yield name
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                yield from _targets(parts)
            case ast.Starred(value=part):
                yield from _targets([part])


class _Exporting(ast.NodeTransformer):
    """Writes what statements bind to the notebook's names as well."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own

    def statements(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The statements of a block, each with what it binds written behind it."""
        return [made for node in body for made in self._with_exports(node)]

    def _with_exports(self, node: ast.stmt) -> Iterator[ast.stmt]:
        yield self.visit(node)
        match node:
            case ast.For() | ast.AsyncFor() | ast.With() | ast.AsyncWith():
                return  # in their blocks
            case ast.Delete(targets=targets):
                yield from (_forget(node, name) for name in _targets(targets) if name in self._own)
            case _:
                yield from self._exports(node, _binds(node))

    def _exports(self, at: ast.AST, names: Iterator[str]) -> list[ast.stmt]:
        return [_export(at, name) for name in names if name in self._own]

    def visit(self, node: ast.AST) -> Any:
        """Write what is bound in the node, but not in a function or class."""
        if isinstance(node, SCOPE):
            return node
        if isinstance(node, ast.NamedExpr):
            return self._visit_walrus(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, field, self.statements(value))
            elif isinstance(value, list):
                value[:] = [self.visit(e) if isinstance(e, ast.AST) else e for e in value]
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        match node:
            case ast.For(body=body) | ast.AsyncFor(body=body):
                body[:0] = self._exports(body[0], _binds(node))
            case ast.With(body=body) | ast.AsyncWith(body=body):
                names = (name for item in node.items for name in _binds(item))
                body[:0] = self._exports(body[0], names)
            case ast.match_case(body=body):
                names = (name for each in ast.walk(node.pattern) for name in _binds(each))
                body[:0] = self._exports(body[0], names)
        return node

    def _visit_walrus(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self.visit(node.value)
        name = node.target.id
        if name not in self._own:
            return node
        put = ast.Call(
            ast.Attribute(_globals(), "__setitem__", ast.Load()), [ast.Constant(name), node], []
        )
        both = ast.Tuple([put, ast.Name(name, ast.Load())], ast.Load())
        return _at(node, ast.Subscript(both, ast.Constant(1), ast.Load()))


def _export(at: ast.AST, name: str) -> ast.stmt:
    place = ast.Subscript(_globals(), ast.Constant(name), ast.Store())
    return _at(at, ast.Assign([place], ast.Name(name, ast.Load())))


def _forget(at: ast.AST, name: str) -> ast.stmt:
    pop = ast.Attribute(_globals(), "pop", ast.Load())
    return _at(at, ast.Expr(ast.Call(pop, [ast.Constant(name), ast.Constant(None)], [])))


def _globals() -> ast.expr:
    return ast.Call(ast.Constant(_GLOBALS), [], [])


def _at(at: ast.AST, made: _Node) -> _Node:
    """What was made, at the place of something else: without one its calls seem a witness's."""
    for node in ast.walk(made):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, at)
    return made
