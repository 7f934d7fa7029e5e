"""Small mistakes made in a solution by machine, to see whether its checks notice.

The operators are cosmic-ray's. All of them would make some 130 kinds of mutant, most of which say
the same thing many times, so this is the choice and its reason:

- a comparison becomes its neighbour (`<` and `<=`: the edge) and its opposite's edge (`<` and `>=`:
  the sense); `==`/`!=` and `is`/`is not` become their opposites only. `is` for `==` is left out:
  on the values people compare it is the same thing or a different lesson;
- a binary operator becomes one other that is defined for the same types; a sign, a `not` or a `~`
  goes;
- a number grows and shrinks by one; True, False, `and`, `or`, `break` and `continue` swap;
- a condition is negated, a `for` loop does nothing, a decorator goes.

cosmic-ray deletes no statements and no results, the two mistakes that a missing check lets through
most often, so both are made here; so are handlers that catch nothing, because cosmic-ray's own
operator breaks on dotted names (`except redis.ConnectionError`) and names an exception that no
notebook has. Its variable operators draw random numbers and are left out.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

OPERATORS = tuple(
    f"core/{name}"
    for name in (
        *(
            f"ReplaceComparisonOperator_{old}_{new}"
            for old, news in {
                "Eq": ["NotEq"],
                "NotEq": ["Eq"],
                "Is": ["IsNot"],
                "IsNot": ["Is"],
                "Lt": ["LtE", "GtE"],
                "LtE": ["Lt", "Gt"],
                "Gt": ["GtE", "LtE"],
                "GtE": ["Gt", "Lt"],
            }.items()
            for new in news
        ),
        *(
            f"ReplaceBinaryOperator_{old}_{new}"
            for old, new in {
                "Add": "Sub",
                "Sub": "Add",
                "Mul": "Div",
                "Div": "Mul",
                "FloorDiv": "Div",
                "Mod": "FloorDiv",
                "Pow": "Mul",
                "LShift": "RShift",
                "RShift": "LShift",
                "BitAnd": "BitOr",
                "BitOr": "BitAnd",
                "BitXor": "BitAnd",
            }.items()
        ),
        *(f"ReplaceUnaryOperator_Delete_{old}" for old in ("Not", "USub", "Invert")),
        "AddNot",
        "NumberReplacer",
        "RemoveDecorator",
        "ReplaceAndWithOr",
        "ReplaceBreakWithContinue",
        "ReplaceContinueWithBreak",
        "ReplaceFalseWithTrue",
        "ReplaceOrWithAnd",
        "ReplaceTrueWithFalse",
        "ZeroIterationForLoop",
    )
)

#: What a changed handler catches: an exception that Python itself never raises.
_NEVER_RAISED = "FloatingPointError"

_BEGIN, _END = re.compile(r"#+ *BEGIN SOLUTION"), re.compile(r"#+ *END SOLUTION")
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed solution: its whole `source`, the first changed line (from 1), and the change."""

    source: str
    line: int
    diff: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every different mutant of the lines between solution markers in a cell's `source`.

    A mutant is valid Python and differs from the solution, and from the mutants before it, in more
    than docstrings, annotations and comments. A cell that is not Python (`%%writefile`) has none.
    """
    if (original := _meaning(source)) is None:
        return
    inside = _solution_lines(source)
    seen = {original}
    found = []
    for changed in (*_by_operators(source, inside), *_by_omission(source, inside)):
        meaning = _meaning(changed)
        if meaning is not None and meaning not in seen:
            seen.add(meaning)
            found.append(_mutant(source, changed))
    yield from sorted(found, key=lambda mutant: mutant.line)


def _by_operators(source: str, inside: set[int]) -> Iterator[str]:
    for name in OPERATORS:
        operator = _operator(name)
        positions = (
            start
            for node in ast_nodes(get_ast(source))
            for start, _ in operator.mutation_positions(node)
        )
        for occurrence, (line, _) in enumerate(positions):
            if line in inside:
                yield mutate_code(source, operator, occurrence)


@cache
def _operator(name: str) -> Any:
    return cosmic_ray.plugins.get_operator(name)()


def _by_omission(source: str, inside: set[int]) -> Iterator[str]:
    """Statements that only have an effect go, results become None, handlers catch nothing."""
    for node in ast.walk(_parse(source)):
        if getattr(node, "lineno", 0) not in inside:
            continue
        match node:
            case ast.Return(value=ast.Constant(value=bool())):
                pass  # None is as good as False to most callers, and cosmic-ray tries True
            case ast.Return(value=ast.expr() as value):
                yield _replace(source, value, "None")
            case ast.ExceptHandler(type=ast.Tuple(elts=caught)):
                for each in caught:
                    yield _replace(source, each, _NEVER_RAISED)
            case ast.ExceptHandler(type=ast.expr() as caught_type):
                yield _replace(source, caught_type, _NEVER_RAISED)
            case (
                ast.AugAssign()
                | ast.Raise()
                | ast.Delete()
                | ast.Expr(value=ast.Call() | ast.Await())
                | ast.Assign(targets=[ast.Attribute() | ast.Subscript()])
            ):
                yield _replace(source, node, "pass")


def _replace(source: str, node: ast.stmt | ast.expr, text: str) -> str:
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = b"".join(lines[:first]) + lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    return (before + text.encode() + after).decode()


def _solution_lines(source: str) -> set[int]:
    inside: set[int] = set()
    solving = False
    for number, line in enumerate(source.splitlines(), start=1):
        if _BEGIN.search(line):
            solving = True
        elif _END.search(line):
            solving = False
        elif solving:
            inside.add(number)
    return inside


def _mutant(source: str, changed: str) -> Mutant:
    old, new = source.splitlines(), changed.splitlines()
    spans = [
        (a, b, c, d)
        for kind, a, b, c, d in difflib.SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes()
        if kind != "equal"
    ]
    start, end = spans[0][0], spans[-1][1]
    new_start, new_end = spans[0][2], spans[-1][3]

    def one_line(lines: list[str]) -> str:
        return " ".join(" ".join(lines).split())

    before = one_line(old[start:end])
    # cosmic-ray puts a space before a new number.
    after = re.sub(r"([(\[]) (?=-?\d)", r"\1", one_line(new[new_start:new_end]))
    return Mutant(changed, start + 1, f"{before}  =>  {after or '(nothing)'}")


def _parse(source: str) -> ast.Module:
    tree = compile(source, "<solution>", "exec", _FLAGS)
    assert isinstance(tree, ast.Module)  # noqa: S101 - PyCF_ONLY_AST says so, mypy cannot know
    return tree


def _meaning(source: str) -> str | None:
    """The syntax tree without what cannot change behaviour; None when it is not valid Python."""
    try:
        # Compiling finds what parsing lets through, such as `break` outside a loop.
        compile(source, "<solution>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        tree = _parse(source)
    except (SyntaxError, ValueError):
        return None
    return ast.dump(_Essence().visit(tree))


class _Essence(ast.NodeTransformer):
    """Takes out docstrings and annotations, and writes `not a < b` as `a >= b`."""

    _OPPOSITE = {  # noqa: RUF012 - read only
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Lt: ast.GtE,
        ast.GtE: ast.Lt,
        ast.Gt: ast.LtE,
        ast.LtE: ast.Gt,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    }

    def visit(self, node: ast.AST) -> Any:
        """One node, its children first."""
        self.generic_visit(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
            case ast.arg():
                node.annotation = None
            case ast.AnnAssign():
                node.annotation = ast.Constant(None)
            case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[operator]) as compared):
                compared.ops = [self._OPPOSITE[type(operator)]()]
                return compared
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            node.body = [
                statement
                for statement in node.body
                if not (
                    isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                )
            ]
        return node
