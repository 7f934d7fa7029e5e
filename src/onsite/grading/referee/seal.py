"""Modules, classes and names as they were, put back before a check and looked at after it.

Loaded apart (see apart.py). Only what code calls is sealed: functions, classes and modules; data of
a module may change. Everything is compared by identity, which asks no object for its opinion.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

_CALLED = (FunctionType, BuiltinFunctionType, MethodType, type, ModuleType)
#: Attributes that are there to be set.
_OPEN = frozenset(("excepthook", "unraisablehook", "displayhook", "breakpointhook", "__builtins__"))
#: Modules whose classes are sealed too.
CORE = (
    "asyncio", "asyncio.base_events", "asyncio.events", "asyncio.locks", "asyncio.queues",
    "asyncio.runners", "asyncio.taskgroups", "asyncio.tasks", "asyncio.timeouts", "bisect",
    "builtins", "collections", "collections.abc", "concurrent.futures", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io",
    "itertools", "json", "json.decoder", "json.encoder", "logging", "math", "numbers", "operator",
    "pickle", "queue", "random", "re", "statistics", "string", "threading", "time", "typing",
    "unittest.mock", "uuid",
)  # fmt: skip
_missing = object()
_HEAP_TYPE = 1 << 9


class Seal:
    """What was sealed, and how to put it back.

    It is made before the fork: copying all of this would touch, and so copy, much memory.

    Args:
        modules: by name, the module and what it had.
        classes: a class and what it had.
    """

    def __init__(
        self,
        modules: dict[str, tuple[ModuleType, Mapping[str, Any]]],
        classes: dict[type, Mapping[str, Any]],
    ) -> None:
        self._modules = modules
        self._classes = classes
        self._sealed = {name for name in CORE if name in modules}
        self._sealed |= {name for name in modules if name.partition(".")[0] == "onsite"}
        self._meta_path, self._path_hooks = [*sys.meta_path], [*sys.path_hooks]

    def add(self, names: list[str]) -> None:
        """Seal modules that an instructor's cell has imported as well."""
        for name in names:
            module = sys.modules.get(name)
            if name not in self._modules and type(module) is ModuleType:
                self._modules[name] = module, dict(vars(module))
                self._classes.update(_classes(name, vars(module)))
            if name in self._modules:
                self._sealed.add(name)

    def put_back(self) -> list[str]:
        """Undo what was changed; the names of what it was."""
        changed = []
        for name in self._sealed:
            module, had = self._modules[name]
            if sys.modules.get(name) is not module:
                changed.append(f"sys.modules[{name!r}]")
                sys.modules[name] = module
            space = module.__dict__
            for attribute, value in had.items():
                if space.get(attribute, _missing) is not value and _counts(attribute, value):
                    changed.append(f"{name}.{attribute}")
                    space[attribute] = value
        for kind, had in self._classes.items():
            space = type.__dict__["__dict__"].__get__(kind)
            for attribute, value in had.items():
                if space.get(attribute, _missing) is not value:
                    changed.append(f"{kind.__module__}.{kind.__qualname__}.{attribute}")
                    type.__setattr__(kind, attribute, value)
        finders: list[tuple[list[Any], list[Any]]] = [
            (sys.meta_path, self._meta_path),
            (sys.path_hooks, self._path_hooks),
        ]
        for now, was in finders:
            if len(now) != len(was) or any(a is not b for a, b in zip(now, was, strict=False)):
                now[:] = was
        return changed

    def accept_builtins(self) -> None:
        """What the run's own start has changed, which is nothing else, is meant to be so."""
        module, _ = self._modules["builtins"]
        self._modules["builtins"] = module, dict(vars(module))

    def accept(self) -> None:
        """What an instructor's cell has changed is meant to be so."""
        for name in self._sealed:
            module, had = self._modules[name]
            if any(module.__dict__.get(a, _missing) is not v for a, v in had.items()):
                self._modules[name] = module, dict(vars(module))
        for kind, had in self._classes.items():
            space = type.__dict__["__dict__"].__get__(kind)
            if any(space.get(a, _missing) is not v for a, v in had.items()):
                self._classes[kind] = {a: space[a] for a in had if a in space}


def _counts(attribute: str, value: object) -> bool:
    return isinstance(value, _CALLED) and attribute not in _OPEN


def snapshot() -> tuple[dict[str, Any], dict[type, dict[str, Any]]]:
    """Everything that is loaded now, for `Seal`."""
    modules = {
        name: (module, dict(vars(module)))
        for name, module in sys.modules.items()
        if type(module) is ModuleType
    }
    classes: dict[type, dict[str, Any]] = {}
    for name in modules:
        if name in CORE or name == "onsite.stage":
            classes.update(_classes(name, modules[name][1]))
    return modules, classes


def _classes(name: str, space: Mapping[str, Any]) -> Iterator[tuple[type, dict[str, Any]]]:
    for value in space.values():
        if not isinstance(value, type) or not value.__flags__ & _HEAP_TYPE:
            continue
        if value.__module__ == name or value.__module__.startswith(f"{name}."):
            yield (
                value,
                {
                    a: v
                    for a, v in vars(value).items()
                    if isinstance(v, FunctionType | property | classmethod | staticmethod)
                },
            )
