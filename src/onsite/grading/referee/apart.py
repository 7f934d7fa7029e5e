"""Modules loaded apart: with built-in functions of their own, and reachable from nowhere.

A run's student may change every module and every built-in function that it can get hold of. What
the referee is made of must not notice, so the run's end of it consists of private copies of a few
modules. They use C functions and each other, and are in no `sys.modules`.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

_FOLDER = Path(__file__).parent


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
        }
        exec(_code(name), namespace)  # noqa: S102 - this package's own code
        loaded[name] = namespace
    own["__import__"] = builtins.__import__
    return loaded


@cache
def _code(name: str) -> CodeType:
    path = _FOLDER / f"{name}.py"
    return compile(path.read_text(), str(path), "exec")
