"""Modules, classes and names as they were, put back before a check and looked at after it.

Loaded apart (see apart.py). Only what code calls is sealed: functions, classes and modules; data of
a module may change. Everything is compared by identity, which asks no object for its opinion.
"""

from __future__ import annotations

import sys
from _operator import call, is_
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import repeat
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from onsite.grading.referee.kinds import (
    by_id,
    ids,
    is_class,
    is_heap_type,
    is_texts,
    namespace_of,
    text_in,
)

_CALLED = ids((FunctionType, BuiltinFunctionType, MethodType, ModuleType))
_MEMBERS = ids((FunctionType, property, classmethod, staticmethod))
#: What of these can be replaced in place, in the order in which they are made of it.
_INNER: dict[int, tuple[Callable[[Any], Any], ...]] = by_id({
    property: tuple(property.__dict__[each].__get__ for each in ("fget", "fset", "fdel")),
    classmethod: (classmethod.__dict__["__func__"].__get__,),
    staticmethod: (staticmethod.__dict__["__func__"].__get__,),
})  # fmt: skip
#: Attributes that are there to be set.
_OPEN = frozenset(("excepthook", "unraisablehook", "displayhook", "breakpointhook", "__builtins__"))
#: Sealed in every run; what the notebook's own instructor's cells import comes on top.
BASE = (
    "builtins", "collections", "contextlib", "functools", "itertools", "json", "math", "operator",
    "random", "re", "threading", "time",
)  # fmt: skip
#: Modules whose classes are sealed with them.
CORE = (
    *BASE, "asyncio", "bisect", "collections.abc", "concurrent.futures", "copy", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "heapq", "io", "json.decoder", "json.encoder",
    "logging", "numbers", "onsite.stage", "onsite.virtual_time", "pickle", "queue", "statistics",
    "string", "typing", "unittest.mock", "uuid",
)  # fmt: skip
_ASYNCIO = (
    "asyncio.base_events", "asyncio.events", "asyncio.locks", "asyncio.queues", "asyncio.runners",
    "asyncio.taskgroups", "asyncio.tasks", "asyncio.timeouts",
)  # fmt: skip
#: What stands behind a module: `asyncio.run` is patched in `asyncio.runners` as well.
_BEHIND = {
    "asyncio": _ASYNCIO,
    "onsite.virtual_time": ("asyncio", *_ASYNCIO, "asyncio.selector_events", "selectors"),
    "json": ("json.decoder", "json.encoder"),
    "unittest": ("unittest.mock",),
    "queue": ("_queue",),
}  # fmt: skip
_missing = object()


class _Space:
    """The attributes of one module or class, or the modules themselves.

    Args:
        label: what it is called, followed by the name of an attribute.
        space: where the attributes are.
        had: those that were there.
        put: sets one.
    """

    __slots__ = ("inner", "label", "names", "put", "space", "values")

    def __init__(
        self,
        label: str,
        space: Mapping[str, Any],
        had: Mapping[str, Any],
        put: Callable[[str, Any], None],
    ) -> None:
        self.label = label
        self.space = space
        self.put = put
        self.learn(had)

    def learn(self, had: Mapping[str, Any]) -> None:
        """Take these for what was there."""
        self.names, self.values = tuple(had), tuple(had.values())
        # A property can be made another one in place, and so can a static method.
        self.inner = [
            (name, value, reads, [read(value) for read in reads])
            for name, value in had.items()
            if (reads := _INNER.get(id(type(value))))
        ]

    def is_intact(self) -> bool:
        """Whether all of them are what they were; at the speed of C, since it is asked often."""
        return all(map(is_, map(self.space.get, self.names), self.values)) and all(
            all(map(is_, map(call, reads, repeat(value)), parts))
            for _, value, reads, parts in self.inner
        )

    def restore(self, displaced: list[Any]) -> Iterator[str]:
        """Put back what was changed; the names of that. What was there goes to `displaced`."""
        for name, value in zip(self.names, self.values, strict=True):
            if (found := self.space.get(name, _missing)) is not value:
                displaced.append(found)
                self.put(name, value)
                yield f"{self.label}{name}"
        for name, value, reads, parts in self.inner:
            found_in = [read(value) for read in reads]
            if not all(map(is_, found_in, parts)):
                displaced += found_in
                type(value).__init__(value, *parts)
                yield f"{self.label}{name}"


class Seal:
    """What was sealed, and how to put it back.

    Args:
        modules: by name, the module and what it had.
        classes: by the name of their module, the classes and what they had.
    """

    def __init__(
        self,
        modules: Mapping[str, tuple[ModuleType, Mapping[str, Any]]],
        classes: Mapping[str, Mapping[type, Mapping[str, Any]]],
    ) -> None:
        self._modules = dict(modules)
        self._classes = dict(classes)
        self._loaded: dict[str, ModuleType] = {}
        self._spaces: dict[object, _Space] = {}
        self._own_classes: dict[type, frozenset[str]] = {}
        self._cells: dict[int, tuple[CellType, Any, str]] = {}
        self._defaults: dict[int, tuple[dict[str, Any], dict[str, Any], str]] = {}
        self._partials: dict[int, tuple[Any, tuple[Any, ...], str]] = {}
        #: What `re` has compiled already, which is asked before anything is compiled.
        self._patterns = [
            (name, found)
            for name in ("_cache", "_cache2")
            if type(found := modules["re"][1].get(name)) is dict
        ]
        self._meta_path, self._path_hooks = [*sys.meta_path], [*sys.path_hooks]
        #: What was put back, until it can be let go of: that may run code of the student's.
        self.displaced: list[Any] = []
        self.add(BASE)

    def add(self, names: Iterable[str]) -> None:
        """Seal modules as well, as they were when they were first seen."""
        for name in names:
            for each in (name, *_BEHIND.get(name, ())):
                if each in self._modules and each not in self._loaded:
                    self._seal(each)

    def learn(self, names: Iterable[str]) -> None:
        """See modules for the first time that an instructor's cell has imported."""
        self.tidy(sys.modules)
        for name in names:
            module = sys.modules.get(name)
            if name not in self._modules and type(module) is ModuleType:
                self.tidy(module.__dict__)
                self._modules[name] = module, dict(vars(module))
                self._classes[name] = dict(_classes(name, vars(module)))

    def forget(self, name: str) -> None:
        """Take a module for one that nobody has seen: the run's own start has changed it."""
        self._modules.pop(name, None)

    def add_class(self, kind: Any) -> None:
        """Seal the methods of an instructor's class."""
        put = partial(type.__setattr__, kind)
        space = namespace_of(kind)
        self._spaces[kind] = _Space(f"{kind.__qualname__}.", space, dict(_methods(space)), put)
        self._own_classes[kind] = frozenset(space)

    def add_function(
        self, value: Any, name: str, is_students: Callable[[FunctionType], bool]
    ) -> None:
        """Seal what a function, by the name of the instructor's, calls and goes by.

        What the student's decorator has made of one is the student's to change.
        """
        if type(value) is partial:
            self._partials[id(value)] = value, (value.func, value.args), name
            return self.add_function(value.func, name, is_students)
        if type(value) is not FunctionType or is_students(value):
            return None
        if value.__kwdefaults__:
            self._defaults[id(value)] = value.__kwdefaults__, {**value.__kwdefaults__}, name
        for cell in value.__closure__ or ():
            try:
                found = cell.cell_contents
            except ValueError:  # it is empty yet
                continue
            if id(cell) not in self._cells and (id(type(found)) in _CALLED or is_class(found)):
                self._cells[id(cell)] = cell, found, name
                self.add_function(found, name, is_students)
        return None

    def _put_functions_back(self) -> Iterator[str]:
        for cell, content, name in self._cells.values():
            found = _contents(cell)
            if found is not content:
                self.displaced.append(found)
                cell.cell_contents = content
                yield f"what {name} calls"
        for now, had, name in self._defaults.values():
            if self.refill(now, had):
                yield f"what {name} goes by"
        for value, (called, arguments), name in self._partials.values():
            if value.func is not called or value.args is not arguments:
                self.displaced += [value.func, value.args]
                value.__setstate__((called, arguments, value.keywords, None))
                yield f"what {name} calls"

    def _strangers(self) -> Iterator[str]:
        """Take methods away that an instructor's class did not have; their names."""
        for kind, had in self._own_classes.items():
            for name, value in [*_methods(namespace_of(kind))]:
                if text_in(name) not in had:
                    self.displaced.append(value)
                    type.__delattr__(kind, name)
                    yield f"{kind.__qualname__}.{text_in(name)}"

    def _seal(self, name: str) -> None:
        module, had = self._modules[name]
        self._loaded[name] = module
        called = {each: value for each, value in had.items() if _counts(each, value)}
        space = module.__dict__
        self._spaces[name] = _Space(f"{name}.", space, called, space.__setitem__)
        for kind, members in self._classes.get(name, {}).items():
            label = f"{kind.__module__}.{kind.__qualname__}."
            put = partial(type.__setattr__, kind)
            self._spaces[kind] = _Space(label, namespace_of(kind), members, put)

    def put_back(self) -> list[str]:
        """Undo what was changed; the names of what it was."""
        changed = self._tidy_modules()
        for space in self._spaces.values():
            if not space.is_intact():
                changed += space.restore(self.displaced)
        changed += self._strangers()
        changed += self._put_functions_back()
        changed += self._empty_patterns()
        for name, module in self._loaded.items():
            if (found := sys.modules.get(name)) is not module:
                self.displaced.append(found)
                sys.modules[name] = module
                changed.append(f"sys.modules[{name!r}]")
        finders: list[tuple[list[Any], list[Any]]] = [
            (sys.meta_path, self._meta_path),
            (sys.path_hooks, self._path_hooks),
        ]
        for now, was in finders:
            if len(now) != len(was) or not all(map(is_, now, was)):
                self.displaced += now
                now[:] = was
        return changed

    def _empty_patterns(self) -> Iterator[str]:
        space = self._loaded["re"].__dict__
        for name, cache in self._patterns:
            if (found := space.get(name)) is not cache:
                self.displaced.append(found)
                space[name] = cache
                yield f"re.{name}"
            # Anybody may have put something into it; its keys may be anything as well.
            self.displaced += cache.items()
            cache.clear()

    def _tidy_modules(self) -> list[str]:
        """Take names away that are no texts; where they were."""
        spaces = {"sys.modules": sys.modules}
        spaces |= {name: module.__dict__ for name, module in self._loaded.items()}
        return [
            f"a name in {name} that is no text"
            for name, space in spaces.items()
            if self.tidy(space)
        ]

    def tidy(self, space: dict[Any, Any]) -> bool:
        """Take away names that are no texts, which would be asked what they equal; if there were.

        Looking one up asks as well, so all are taken away, and the others put back.
        """
        if is_texts(space):
            return False
        before = [*space.items()]
        self.displaced += before
        space.clear()
        space.update(each for each in before if type(each[0]) is str)
        return True

    def refill(self, space: dict[str, Any], had: Mapping[str, Any]) -> bool:
        """Put back what a dict had, and take all else away; if it was not as it had been."""
        if (
            len(space) == len(had)
            and is_texts(space)
            and all(map(is_, map(space.get, had), had.values()))
        ):
            return False
        self.displaced += space.items()
        space.clear()
        space.update(had)
        return True

    def accept_builtins(self) -> None:
        """What the run's own start has changed, which is nothing else, is meant to be so."""
        self._accept(self._spaces["builtins"])

    def accept(self) -> None:
        """What an instructor's cell has changed is meant to be so."""
        self._tidy_modules()
        for space in self._spaces.values():
            if not space.is_intact():
                self._accept(space)
        self._cells = {
            number: (cell, found, name)
            for number, (cell, _, name) in self._cells.items()
            if (found := _contents(cell)) is not _missing
        }

    def _accept(self, space: _Space) -> None:
        had = {name: space.space[name] for name in space.names if name in space.space}
        space.learn(had)


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _missing


def _counts(attribute: str, value: object) -> bool:
    return (id(type(value)) in _CALLED or is_class(value)) and attribute not in _OPEN


def snapshot() -> tuple[dict[str, Any], dict[str, dict[type, dict[str, Any]]]]:
    """Everything that is loaded now, for `Seal`."""
    modules = {
        name: (module, dict(vars(module)))
        for name, module in sys.modules.items()
        if type(module) is ModuleType
    }
    behind = {each for names in _BEHIND.values() for each in names}
    classes = {
        name: dict(_classes(name, space))
        for name, (_, space) in modules.items()
        if name in CORE or name in behind
    }
    return modules, classes


def _classes(name: str, space: Mapping[str, Any]) -> Iterator[tuple[type, dict[str, Any]]]:
    for value in space.values():
        if not is_class(value) or not is_heap_type(value):
            continue
        members = namespace_of(value)
        home = text_in(members.get("__module__")) if is_texts(members) else ""
        if home == name or home.startswith(f"{name}."):
            yield value, dict(_methods(members))


def _methods(space: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in space.items():
        if id(type(value)) in _MEMBERS:
            yield name, value
