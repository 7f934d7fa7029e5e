"""Modules loaded apart: with built-in functions of their own, and reachable from nowhere.

A run's student may change every module and every built-in function that it can get hold of. What
the referee is made of must not notice, so the run's end of it consists of private copies of a few
modules. They use C functions and each other, and are in no `sys.modules`.

Nor are there any classes in them. `object.__subclasses__()` lists every class that was ever made,
and a class leads to its methods, these to their module, and whoever replaces one of them is called
by the referee. So what is a class in the source becomes functions here, and an object of it a plain
namespace that has them as its attributes; an exception becomes a built-in one that nothing else
raises.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, MethodType, SimpleNamespace
from typing import Any

_FOLDER = Path(__file__).parent
#: Which built-in exceptions stand for the ones that the modules define.
_ERRORS = {
    "NoiseError": BytesWarning,
    "NotPlainError": ImportWarning,
    "UnsureError": PendingDeprecationWarning,
}
#: How an object comes about, of what functions of the module.
_FACTORY = """
def {name}(*arguments, **options):
    self = _Namespace()
    self.__dict__.update({{name: _Method(function, self) for name, function in ({methods})}})
    self.__dict__.pop("__init__")(*arguments, **options)
    return self
"""


def load_apart(names: Sequence[str]) -> dict[str, Any]:
    """Private copies of modules of this package, as their namespaces by name.

    Each may import the ones before it in `names`.
    """
    loaded: dict[str, dict[str, Any]] = {}
    own = dict(vars(builtins))

    def find(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - it is called so
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        package, _, last = name.rpartition(".")
        if package == __package__ and last in loaded:
            return SimpleNamespace(**loaded[last])
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    own["__import__"] = find
    for name in names:
        namespace = {
            "__name__": f"{__package__}.{name}",
            "__file__": str(_FOLDER / f"{name}.py"),
            "__builtins__": own,
            "_Namespace": SimpleNamespace,
            "_Method": MethodType,
            "_errors": _ERRORS,
        }
        exec(_code(name), namespace)  # noqa: S102 - this package's own code
        loaded[name] = namespace
    own["__import__"] = builtins.__import__
    return loaded


@cache
def _code(name: str) -> CodeType:
    path = _FOLDER / f"{name}.py"
    tree = ast.parse(path.read_text())
    tree.body = [made for node in tree.body for made in _without_class(node)]
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


def _without_class(node: ast.stmt) -> Iterator[ast.stmt]:
    """A statement of a module, or what stands for it if it is a class."""
    if not isinstance(node, ast.ClassDef):
        yield node
        return
    if node.bases:
        yield from ast.parse(f"{node.name} = _errors[{node.name!r}]").body
        return
    pairs = ""
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            if method.name.endswith("__") and method.name != "__init__":
                raise TypeError(f"{node.name}.{method.name} would not be found in a namespace")
            place = f"_{node.name}_{method.name}"
            pairs += f"({method.name!r}, {place}), "
            method.name = place
            yield method
    yield from ast.parse(_FACTORY.format(name=node.name, methods=pairs)).body
