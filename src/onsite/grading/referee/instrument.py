"""From the text of an instructor's cell to code whose assertions give evidence.

Every `assert` becomes a call of a witness, and so does every comparison. The witnesses and the
built-in functions are constants of the code and not names, so nothing that a student binds takes
their place. What a comparison in an assertion is to be compared with, if it is a literal, and the
message of the assertion are not in the code at all: the referee keeps them.

Nothing here runs a cell, and nothing here is seen by one.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import random
import symtable
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from onsite.grading.referee.calls import COLUMN
from onsite.grading.referee.constants import GIVEN, MARK
from onsite.grading.referee.enclose import (
    Enclosing,
    beginning,
    can_be_enclosed,
    enclose,
    enclosed,
)
from onsite.grading.referee.names import bound, bound_in, local_names
from onsite.grading.referee.plain import NotPlainError, encode

#: Built-in names that may become constants: not `super`, which the compiler looks for by its
#: name, nor what notebooks and checks replace on purpose.
_BUILTINS = frozenset(
    name
    for name in dir(builtins)
    if not name.startswith("_")
    and name
    not in (
        *("copyright", "credits", "exit", "license", "quit", "help", "super"),
        *("input", "display", "get_ipython", "print", "open"),
    )
)
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
#: Context managers that are there to swallow a failed assertion.
_SWALLOWERS = frozenset(("raises", "suppress", "assertRaises", "assertRaisesRegex"))
#: Expressions and what they come to.
Canaries = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison inside an assertion: `operators` between operands.

    `literals` has an entry for each operand: None for one that the run computes, else a tuple of
    one value, which only the referee knows.
    """

    operators: tuple[str, ...]
    literals: tuple[tuple[Any] | None, ...]

    @property
    def open(self) -> dict[str, Any]:
        """What a run may know of it."""
        return {
            "operators": list(self.operators),
            "withheld": [literal is not None for literal in self.literals],
        }


@dataclass(frozen=True, slots=True)
class Assertion:
    """One `assert` statement.

    Attributes:
        line: where it stands in the cell, from 1.
        required: it stands where every run of the cell comes by that ends well.
        guarded: the cell itself is prepared for it to fail.
        message: code of a function of `names`, which makes its message; None if it has none.
        names: see there.
        canary: None for the cell's own; else what it has to come to, whatever the cell does.
        begins: it is no assertion but says that a coroutine has begun; the next one says that it
            has ended.
        ends: it is that one.
        raised: it was an error that the cell raises by hand.
    """

    line: int
    required: bool
    guarded: bool
    message: types.CodeType | None
    names: tuple[str, ...]
    canary: bool | None = None
    begins: bool = False
    ends: bool = False
    raised: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the cell itself has it, as an `assert`."""
        return self.canary is None and not (self.begins or self.ends or self.raised)


@dataclass(frozen=True, slots=True)
class Program:
    """An instructor's cell, ready to be sent.

    Attributes:
        code: it, with placeholders among its constants.
        assertions, comparisons: by the number that its witnesses are called with.
        binds: the global names that it binds.
        variables: the names that are its own, in the order in which it takes what they have; None
            if it takes nothing.
    """

    code: types.CodeType
    assertions: tuple[Assertion, ...]
    comparisons: tuple[Comparison, ...]
    binds: frozenset[str]
    variables: tuple[str, ...] | None


@lru_cache(maxsize=2_000)
def plain_python(source: str) -> str | None:
    """A cell as IPython would hand it to Python; None if that cannot compile it."""
    try:
        text: str = TransformerManager().transform_cell(source)
        _parse(text, "<cell>")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return text


def _parse(text: str, name: str) -> ast.Module:
    tree: ast.Module = compile(
        text, name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    return tree


def needs_ipython(source: str) -> bool:
    """Whether a cell has magics, shell commands or other things that are not Python."""
    text = plain_python(source)
    return text is None or ("get_ipython()" in text and "get_ipython()" not in source)


@lru_cache(maxsize=2_000)
def bound_by(source: str) -> frozenset[str]:
    """The global names that a cell binds."""
    text = plain_python(source)
    return frozenset() if text is None else frozenset(bound(_parse(text, "<cell>")))


@lru_cache(maxsize=2_000)
def imported_by(source: str) -> frozenset[str]:
    """The modules that a cell imports, by dotted name."""
    text = plain_python(source)
    return frozenset() if text is None else frozenset(_modules(_parse(text, "<cell>")))


@lru_cache(maxsize=2_000)
def set_globally(source: str) -> frozenset[str]:
    """The global names that functions of a cell rebind."""
    text = plain_python(source)
    tree = ast.Module([], []) if text is None else _parse(text, "<cell>")
    return frozenset(
        name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names
    )


@lru_cache(maxsize=2_000)
def defined_by(source: str) -> frozenset[tuple[str, bool]]:
    """What a cell defines or imports at its top level: the name, and whether it is a module."""
    text = plain_python(source)
    body = [] if text is None else _parse(text, "<cell>").body
    return frozenset(each for node in body for each in _defined(node))


def _defined(node: ast.stmt) -> list[tuple[str, bool]]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [(node.name, False)]
        case ast.ImportFrom(module="__future__"):
            return []
        case ast.ImportFrom():
            return [(alias.asname or alias.name, False) for alias in node.names]
        case ast.Import():
            return [
                (alias.asname or alias.name, True)
                for alias in node.names
                if alias.asname or "." not in alias.name
            ]
    return []


@lru_cache(maxsize=500)
def instrument(
    source: str,
    name: str,
    own: frozenset[str],
    canaries: Canaries | None,
    given: frozenset[tuple[str, bool]] = frozenset(),
    kept: frozenset[str] = frozenset(),
) -> Program | None:
    """Compile an instructor's cell; None if it is no Python.

    Args:
        source: its text.
        name: what its frames are called in a traceback.
        own: names that the exercises or instructor's cells bind, so that they need not be the
            built-in functions of that name.
        canaries: for a cell that is graded, whose literals and messages are withheld.
        given: what earlier cells of the instructor's define, as `defined_by` has it. What an
            assertion calls by such a name is fixed when the cell begins.
        kept: names that only the instructor's cells bind, which are a check's own.
    """
    text = plain_python(source)
    if text is None:
        return None
    tree = _parse(text, name)
    kept -= frozenset(dir(builtins))
    encloses = canaries is not None and can_be_enclosed(tree, kept)
    binds = frozenset(bound(tree))
    local = binds | local_names(tree)
    given = frozenset(each for each in given if each[0] not in local)
    writer = _Writer(name, own | local, given, check=canaries is not None)
    tree = writer.rewrite(tree, quiet=source.rstrip().endswith(";"))
    if canaries is not None:
        writer.add_canaries(tree, canaries)
    writer.add_end(tree)
    code, variables = _compile(tree, name), None
    if encloses:
        constants = {each: partial(_builtin, each) for each in _BUILTINS - own - local}
        how = Enclosing(kept, constants, _told)
        is_async = bool(code.co_flags & inspect.CO_COROUTINE)
        tree, variables = enclose(tree, how, is_async=is_async)
        code = enclosed(_compile(tree, name))
    return Program(code, tuple(writer.assertions), tuple(writer.comparisons), binds, variables)


def _compile(tree: ast.Module | ast.Expression, name: str) -> types.CodeType:
    ast.fix_missing_locations(tree)
    mode = "exec" if isinstance(tree, ast.Module) else "eval"
    with warnings.catch_warnings():
        # "str object is not callable" and the like: the constants are placeholders.
        warnings.simplefilter("ignore")
        code: types.CodeType = compile(
            tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True, optimize=0
        )
    return code


class _Writer(ast.NodeTransformer):
    """Rewrites one cell."""

    def __init__(
        self,
        name: str,
        taken: frozenset[str],
        given: frozenset[tuple[str, bool]],
        *,
        check: bool,
    ) -> None:
        self.assertions: list[Assertion] = []
        self.comparisons: list[Comparison] = []
        self._name = name
        self._taken = taken
        self._given = given
        self._check = check
        self._in_test = False
        self._conditions = 0
        self._guards = 0
        self._scopes: list[tuple[bool, frozenset[str]]] = []  # is a class, names

    def rewrite(self, tree: ast.Module, *, quiet: bool) -> ast.Module:
        """The cell with witnesses."""
        last = tree.body[-1] if tree.body else None
        credit = last if isinstance(last, ast.Expr) and not quiet else None
        body = []
        for node in tree.body:
            # Partial credit rests on comparisons as an assertion does.
            self._in_test = self._check and node is credit
            body.append(self.visit(node))
            # A helper is what the cell itself says, when it has just defined it.
            body += [ast.Expr(_told(name)) for name in self._tells_of(node)]
        self._in_test = False
        tree.body = body
        if credit is not None:
            credit.value = _call("result", credit.value)
        return tree

    def _tells_of(self, node: ast.stmt) -> list[str]:
        """The names of which the cell says behind a statement what they have."""
        names = [name for name, _ in _defined(node) if name != "*"]
        if not self._check and isinstance(node, ast.Assign):
            names += [each.id for each in node.targets if isinstance(each, ast.Name)]
        return names

    def add_end(self, tree: ast.Module) -> None:
        """Say at the end of the cell that it was this cell that ran, and ended."""
        made = _call("truth", ast.Constant(len(self.assertions)), ast.Constant(True))
        self.assertions.append(Assertion(0, False, True, None, (), canary=True))
        tree.body.append(ast.Expr(made))

    def add_canaries(self, tree: ast.Module, canaries: Canaries) -> None:
        """Put half of the canaries before everything else in the cell, and half behind it."""
        first = len(beginning(tree.body))
        for count, (text, value) in enumerate(canaries):
            number = len(self.assertions)
            self.assertions.append(Assertion(0, False, True, None, (), canary=value))
            taken, self._taken, self._in_test = self._taken, frozenset(), True
            test = self._truth(ast.parse(text, mode="eval").body)
            self._taken, self._in_test = taken, False
            made = ast.Expr(_call("truth", ast.Constant(number), test))
            tree.body.insert(first if count % 2 else len(tree.body), made)

    def visit(self, node: ast.AST) -> Any:
        """Rewrite one node."""
        match node:
            case ast.Assert():
                return self._visit_assert(node)
            case ast.Raise() if self._check and (said := _as_assertion(node)) is not None:
                return self._visit_assert(said, raised=True)
            case ast.Compare():
                return self._visit_compare(node)
            case ast.Call():
                return self._visit_call(node)
            case ast.If() | ast.While() | ast.Match() | ast.ExceptHandler():
                return self._visit_condition(node)
            case ast.For() | ast.AsyncFor():
                return self._visit_for(node)
            case ast.Try() | ast.TryStar():
                return self._visit_try(node)
            case ast.With() | ast.AsyncWith():
                return self._visit_with(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                return self._visit_scope(node)
            case ast.AnnAssign() if node.value is not None:
                node.value = self.visit(node.value)  # annotations may be anything
                return node
        return self.generic_visit(node)

    # --- assertions

    def _visit_assert(self, node: ast.Assert, *, raised: bool = False) -> ast.AST:
        number = len(self.assertions)
        names: tuple[str, ...] = ()
        message = None
        failed: ast.expr = _call("failed", ast.Constant(number), _row([]))
        if node.msg is not None:
            if self._check and not _is_tied(node.msg):
                names = tuple(sorted(_free(node.msg) & self._visible()))
                message = _message(node.msg, names, self._name)
                values = _row([ast.Name(n, ast.Load()) for n in names])
                failed = _call("failed", ast.Constant(number), values)
            else:
                failed = _call("failed_saying", ast.Constant(number), node.msg)
        self.assertions.append(
            Assertion(
                node.lineno,
                required=not (raised or self._conditions or self._guards or self._scopes),
                guarded=self._guards > 0,
                message=message,
                names=names,
                raised=raised,
            )
        )
        was, self._in_test = self._in_test, True
        test = self._truth(node.test)
        self._in_test = was
        test = _call("truth", ast.Constant(number), test)
        made = ast.If(ast.UnaryOp(ast.Not(), test), [ast.Raise(failed, ast.Constant(None))], [])
        return ast.copy_location(made, node)

    def _truth(self, node: ast.expr) -> ast.expr:
        """An expression of which only the truth counts."""
        match node:
            case ast.BoolOp():
                node.values = [self._truth(value) for value in node.values]
                return node
            case ast.UnaryOp(op=ast.Not()):
                node.operand = self._truth(node.operand)
                return node
        return _call("leaf", self.visit(_differing(node)))

    def _visit_compare(self, node: ast.Compare) -> ast.AST:
        operators = tuple(_OPERATORS[type(op)] for op in node.ops)
        operands = [node.left, *node.comparators]
        if not self._in_test:
            if all(op in ("is", "is not") for op in operators):
                return self.generic_visit(node)
            visited = [self._fixed(self.visit(operand)) for operand in operands]
            what = "\n".join(operators)
            by = MARK + f"operators.{what}".encode() if len(operators) == 1 else None
            arguments = (ast.Constant(what), ast.Constant(by), _row(visited))
            return _call("guard", *arguments, line=node.lineno)
        literals = [self._literal(operand, operators) for operand in operands]
        number = len(self.comparisons)
        self.comparisons.append(Comparison(operators, tuple(literals)))
        sent = [
            self._fixed(self.visit(_differing(operand)))
            for operand, literal in zip(operands, literals, strict=True)
            if literal is None
        ]
        return _call("compare", ast.Constant(number), _row(sent), line=node.lineno)

    def _literal(self, node: ast.expr, operators: Sequence[str]) -> tuple[Any] | None:
        if not self._check or any(op in ("is", "is not") for op in operators):
            return None
        try:
            value = ast.literal_eval(node)
            encode(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, NotPlainError):
            return None
        return (value,)

    # --- where an assertion stands

    def _visible(self) -> frozenset[str]:
        names = [
            names
            for depth, (is_class, names) in enumerate(self._scopes)
            if not is_class or depth == len(self._scopes) - 1
        ]
        return frozenset().union(*names)

    def _visit_condition(self, node: ast.AST) -> ast.AST:
        self._conditions += 1
        node = self.generic_visit(node)
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            node.type = self._fixed(node.type)
        self._conditions -= 1
        return node

    def _visit_for(self, node: ast.For | ast.AsyncFor) -> ast.AST:
        try:
            certain = bool(ast.literal_eval(node.iter))
        except (ValueError, TypeError):
            certain = False
        return self.generic_visit(node) if certain else self._visit_condition(node)

    def _visit_try(self, node: ast.Try | ast.TryStar) -> ast.AST:
        guards = bool(node.handlers) or _leaves(node.finalbody)
        for field in ("body", "handlers", "orelse", "finalbody"):
            self._guards += guards and field == "body"
            visited = [self.visit(each) for each in getattr(node, field)]
            setattr(node, field, visited)
            self._guards -= guards and field == "body"
        return node

    def _visit_with(self, node: ast.With | ast.AsyncWith) -> ast.AST:
        guards = any(_called(item.context_expr) in _SWALLOWERS for item in node.items)
        node.items = [self.visit(item) for item in node.items]
        self._guards += guards
        node.body = [self.visit(each) for each in node.body]
        self._guards -= guards
        return node

    def _visit_scope(self, node: Any) -> ast.AST:
        conditions, guards, in_test = self._conditions, self._guards, self._in_test
        if not isinstance(node, ast.Lambda):
            self._in_test = False
        self._guards = 0
        is_class = isinstance(node, ast.ClassDef)
        self._scopes.append((is_class, frozenset(bound_in(node))))
        node = self.generic_visit(node)
        self._scopes.pop()
        self._conditions, self._guards, self._in_test = conditions, guards, in_test
        if self._check and isinstance(node, ast.AsyncFunctionDef) and _has_assertions(node):
            self._watch_end(node)
        return node  # type: ignore[no-any-return]

    def _watch_end(self, node: ast.AsyncFunctionDef) -> None:
        """Have a coroutine say that it has begun, and that it has ended by itself.

        What it awaits can see to it that it never goes on, and then its assertions are not reached.
        """
        number = len(self.assertions)
        for begins in (True, False):
            self.assertions.append(
                Assertion(node.lineno, False, False, None, (), begins=begins, ends=not begins)
            )

        def say(which: int, held: bool) -> ast.stmt:
            return ast.Expr(_call("truth", ast.Constant(which), ast.Constant(held)))

        closed = ast.ExceptHandler(
            _builtin("GeneratorExit"), None, [say(number + 1, False), ast.Raise(None, None)]
        )
        body = ast.Try(node.body, [closed], [], [say(number + 1, True)])
        node.body = [ast.copy_location(each, node.body[0]) for each in (say(number, True), body)]

    # --- built-in functions

    def _visit_call(self, node: ast.Call) -> ast.AST:
        node = self.generic_visit(node)  # type: ignore[assignment]
        node.func = self._fixed(self._given_as(node.func))
        node.args = [self._fixed(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self._fixed(keyword.value)
        return node

    def _given_as(self, node: ast.expr) -> ast.expr:
        """What an assertion calls, as a constant if an earlier cell defines it."""
        match node:
            case ast.Name(id=name) if self._in_test and (name, False) in self._given:
                place = name
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if (
                self._in_test and (name, True) in self._given
            ):
                place = f"{name}.{attribute}"
            case _:
                return node
        return ast.copy_location(ast.Constant(GIVEN + place.encode()), node)

    def _fixed(self, node: ast.expr) -> ast.expr:
        """A built-in function or class by name, or a tuple of them, as a constant."""
        match node:
            case ast.Name(id=name) if name in _BUILTINS and name not in self._taken:
                return ast.copy_location(_builtin(name), node)
            case ast.Tuple(elts=elements):
                node.elts = [self._fixed(element) for element in elements]
            case ast.Attribute(value=ast.Name()):
                node.value = self._fixed(node.value)
        return node


def make_canaries(seed: str) -> Canaries:
    """Two comparisons that come to different things, each by a way that assertions go."""
    chance = random.Random(seed)  # noqa: S311 - the seed is the secret
    one, other = chance.sample(range(1_000_000), 2)
    kinds = ["int", "str", "list", "dict"]
    made = []
    for value in (True, False):
        right = one if value else other
        kind = chance.choice(kinds)
        wanted = kind if value else chance.choice([each for each in kinds if each != kind])
        ways = [
            f"abs({-one}) == {right}",  # decided by the referee
            f"type({kind}()) is {wanted}",  # decided in the run
        ]
        made.append((chance.choice(ways), value))
    chance.shuffle(made)
    return tuple(made)


def _differing(node: ast.expr) -> ast.expr:
    """What an assertion compares, with a witness of the subtraction that it may be."""
    match node:
        case ast.BinOp(op=ast.Sub(), left=left, right=right):
            return _call("difference", _row([left, right]), line=node.lineno)
        case ast.Call(func=ast.Name(id="abs" | "round"), args=[first, *others]):
            node.args = [_differing(first), *others]
    return node


def _as_assertion(node: ast.Raise) -> ast.Assert | None:
    """An assertion that never holds, from an AssertionError that is raised by hand."""
    match node:
        case ast.Raise(exc=ast.Name(id="AssertionError"), cause=None):
            message = None
        case ast.Raise(
            exc=ast.Call(func=ast.Name(id="AssertionError"), args=args, keywords=[]),
            cause=None | ast.Constant(value=None),
        ) if len(args) < 2 and not any(isinstance(each, ast.Starred) for each in args):
            message = args[0] if args else None
        case _:
            return None
    return ast.copy_location(ast.Assert(ast.Constant(False), message), node)


def _builtin(name: str) -> ast.Constant:
    if name == "isinstance":
        return ast.Constant(MARK + b"is_instance")
    return ast.Constant(MARK + f"builtins.{name}".encode())


def _call(witness: str, *arguments: ast.expr, line: int | None = None) -> ast.Call:
    """A call of a witness, at a position that tells it from every other call (see calls.py).

    Without a `line` it is on the first one of the statement that it is in.
    """
    call = ast.Call(ast.Constant(MARK + witness.encode()), [*arguments], [])
    call.col_offset = call.end_col_offset = COLUMN
    if line is not None:
        call.lineno = call.end_lineno = line
    return call


def _told(name: str) -> ast.Call:
    """A call of the witness of what a name has been given."""
    return _call("defined", ast.Constant(name), ast.Name(name, ast.Load()))


def _row(parts: Sequence[ast.expr]) -> ast.Tuple:
    """What a witness is given as one argument.

    To make a tuple of several may run code, by way of the collector, while the call is under way.
    """
    return ast.Tuple([*parts], ast.Load())


def _called(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


def _has_assertions(node: ast.AsyncFunctionDef) -> bool:
    """Whether there are assertions in a coroutine, which is no generator.

    They have been replaced already, by an `if` that raises.
    """
    inside = [each for statement in node.body for each in ast.walk(statement)]
    return any(
        isinstance(each, ast.Constant) and each.value == MARK + b"truth" for each in inside
    ) and not any(isinstance(each, ast.Yield | ast.YieldFrom) for each in inside)


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a `finally` swallows what is raised, by leaving in another way."""
    return any(
        isinstance(node, ast.Return | ast.Break | ast.Continue)
        for statement in body
        for node in ast.walk(statement)
    )


def _is_tied(message: ast.expr) -> bool:
    """Whether a message can only be made where it stands."""
    tied = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
    return any(
        isinstance(node, tied) or (isinstance(node, ast.Name) and node.id in ("super", "__class__"))
        for node in ast.walk(message)
    )


def _message(node: ast.expr, names: tuple[str, ...], name: str) -> types.CodeType:
    arguments = ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])
    return _compile(ast.Expression(ast.Lambda(arguments, node)), name)


def _free(node: ast.expr) -> frozenset[str]:
    """The names that an expression reads from outside."""
    table = symtable.symtable(f"lambda: (\n{ast.unparse(node)}\n)", "<message>", "eval")
    (function,) = table.get_children()
    return frozenset(_outer(function))


def _outer(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _outer(child)


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name
                # A name that comes from a package may be a module of it.
                yield from (f"{name}.{alias.name}" for alias in node.names)
