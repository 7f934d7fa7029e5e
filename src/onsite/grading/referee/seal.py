"""Modules, classes and names as they were, put back before a check and looked at after it.

Loaded apart (see apart.py). Only what code calls is sealed: functions, classes and modules; data of
a module may change. Everything is compared by identity, which asks no object for its opinion.
"""

from __future__ import annotations

import sys
from _operator import call, is_
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial, partialmethod, singledispatchmethod
from itertools import repeat
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from onsite.grading.referee.kinds import (
    ACTS,
    acts,
    bases_of,
    by_id,
    ids,
    is_class,
    is_heap_type,
    is_texts,
    mro_of,
    names_in,
    namespace_of,
    text_in,
)

_CALLED = ids((FunctionType, BuiltinFunctionType, MethodType, ModuleType))
_CALL = ("__call__",)
_MEMBERS = ids((FunctionType, property, classmethod, staticmethod))
#: What of these can be replaced in place, in the order in which they are made of it.
_INNER: dict[int, tuple[Callable[[Any], Any], ...]] = by_id({
    property: tuple(property.__dict__[each].__get__ for each in ("fget", "fset", "fdel")),
    classmethod: (classmethod.__dict__["__func__"].__get__,),
    staticmethod: (staticmethod.__dict__["__func__"].__get__,),
})  # fmt: skip
#: What a class defines whose objects are asked before what has them.
_GOVERNS = ("__set__", "__delete__")
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
#: The modules of which we know that they give nothing to classes of theirs later.
_PYTHONS = sys.stdlib_module_names | {"onsite", "__main__"}
#: What it had, its class, and its bases.
_Class = tuple[type, dict[str, Any], type, Any]
_qualname_of = type.__dict__["__qualname__"].__get__
#: Descriptors that are written in Python, and how to get at what they call.
_KEPT_IN_DICTS = by_id({
    kind: kind.__dict__["__dict__"].__get__
    for kind in (cached_property, partialmethod, singledispatchmethod)
})  # fmt: skip


class _Space:
    """The attributes of one module or class, or the modules themselves.

    Args:
        label: what it is called, followed by the name of an attribute.
        space: where the attributes are.
        had: those that were there.
        put: sets one.
        closed: the class, if new ones may not come. Then `had` is all that was there, and what is
            data may become other data, but nothing that acts by itself.
    """

    __slots__ = ("closed", "data", "inner", "label", "names", "put", "space", "values")

    def __init__(
        self,
        label: str,
        space: Mapping[str, Any],
        had: Mapping[str, Any],
        put: Callable[[str, Any], None],
        closed: type | None = None,
    ) -> None:
        self.label = label
        self.space = space
        self.put = put
        self.closed = closed
        self.data: set[str] = set()  # names that had data, once that is asked
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
        return (
            all(map(is_, map(self.space.get, self.names), self.values))
            and (self.closed is None or len(self.space) == len(self.names))
            and all(
                all(map(is_, map(call, reads, repeat(value)), parts))
                for _, value, reads, parts in self.inner
            )
        )

    def restore(self, displaced: list[Any]) -> Iterator[str]:
        """Put back what was changed; the names of that. What was there goes to `displaced`."""
        if self.closed is not None:
            pairs = zip(self.names, self.values, strict=True)
            self.data.update(name for name, value in pairs if not acts(value))
        for name, value in zip(self.names, self.values, strict=True):
            if (found := self.space.get(name, _missing)) is not value:
                if name in self.data and _is_harmless(name, found):
                    continue
                displaced.append(found)
                self.put(name, value)
                yield f"{self.label}{name}"
        for name, value, reads, parts in self.inner:
            found_in = [read(value) for read in reads]
            if not all(map(is_, found_in, parts)):
                displaced += found_in
                type(value).__init__(value, *parts)
                yield f"{self.label}{name}"
        if self.closed is None:
            return
        had = frozenset(self.names)
        for name, value in [*self.space.items()]:
            if text_in(name) not in had and acts(value) and not _inherits(self.closed, name, value):
                displaced.append(value)
                type.__delattr__(self.closed, name)
                yield f"{self.label}{text_in(name)}"
        self.learn(dict(self.space))  # what is left is data, which is not looked at again


class Seal:
    """What was sealed, and how to put it back.

    Args:
        modules: by name, the module and what it had.
        classes: by the name of their module, the classes and what they had, were made by and of.
    """

    def __init__(
        self,
        modules: Mapping[str, tuple[ModuleType, Mapping[str, Any]]],
        classes: Mapping[str, Collection[_Class]],
    ) -> None:
        self._modules = dict(modules)
        self._classes = dict(classes)
        self._loaded: dict[str, ModuleType] = {}
        self._spaces: dict[object, _Space] = {}
        self._own_classes: list[tuple[type, frozenset[str]]] = []
        #: By id, of each module and class that is sealed, its class and its bases.
        self._kinds: dict[int, tuple[Any, str, type, Any]] = {}
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
        #: What was changed that cannot be put back without running code of the student's.
        self.lost: list[str] = []
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
                self._classes[name] = [*_classes(name, vars(module))]

    def forget(self, name: str) -> None:
        """Take a module for one that nobody has seen: the run's own start has changed it."""
        self._modules.pop(name, None)

    def add_class(self, kind: Any) -> None:
        """Seal an instructor's class.

        What is made of a library's class, as models are, may be given more by that library.
        """
        space, label = namespace_of(kind), _qualname_of(kind)
        self._kinds[id(kind)] = kind, label, type(kind), bases_of(kind)
        put = partial(type.__setattr__, kind)
        if _is_pythons_own(kind):
            self._spaces[id(kind)] = _Space(f"{label}.", space, dict(space), put, kind)
        else:
            self._spaces[id(kind)] = _Space(f"{label}.", space, dict(_methods(space)), put)
            self._own_classes.append((kind, frozenset(space)))
        for name, value in [*space.items()]:
            if (read := _KEPT_IN_DICTS.get(id(type(value)))) is not None:
                own = read(value)
                for each in (own, *own.values()):
                    if type(each) is dict:
                        self._defaults[id(each)] = each, {**each}, f"{label}.{name}"

    def add_function(
        self, value: Any, name: str, is_students: Callable[[FunctionType], bool]
    ) -> None:
        """Seal what a function, by the name of the instructor's, calls and goes by.

        What the student's decorator has made of one is the student's to change.
        """
        if type(value) is partial:
            made_of = value.func, value.args, value.keywords
            self._partials[id(value)] = value, made_of, name
            self._defaults[id(value)] = value.keywords, {**value.keywords}, name
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
        for value, made_of, name in self._partials.values():
            found = value.func, value.args, value.keywords
            if not all(map(is_, found, made_of)):
                self.displaced += found
                value.__setstate__((*made_of, None))
                yield f"what {name} calls"

    def _strangers(self) -> Iterator[str]:
        """Take methods away that an instructor's class did not have; their names."""
        for kind, had in self._own_classes:
            for name, value in [*_methods(namespace_of(kind))]:
                if text_in(name) not in had:
                    self.displaced.append(value)
                    type.__delattr__(kind, name)
                    yield f"{_qualname_of(kind)}.{text_in(name)}"

    def _seal(self, name: str) -> None:
        module, had = self._modules[name]
        self._loaded[name] = module
        called = {each: value for each, value in had.items() if _counts(each, value)}
        self._kinds[id(module)] = module, name, ModuleType, None
        space = names_in(module)
        self._spaces[name] = _Space(f"{name}.", space, called, space.__setitem__)
        for kind, members, meta, bases in self._classes.get(name, ()):
            label = f"{name}.{_qualname_of(kind)}"
            self._kinds[id(kind)] = kind, label, meta, bases
            put = partial(type.__setattr__, kind)
            closed = kind if _is_pythons(name) else None
            self._spaces[id(kind)] = _Space(f"{label}.", namespace_of(kind), members, put, closed)

    def put_back(self) -> list[str]:
        """Undo what was changed; the names of what it was."""
        self.lost = [
            f"the class or the bases of {label}"
            for kind, label, meta, bases in self._kinds.values()
            if type(kind) is not meta or (bases is not None and bases_of(kind) is not bases)
        ]
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
        space = names_in(self._loaded["re"])
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
        spaces |= {name: names_in(module) for name, module in self._loaded.items()}
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
        space = self._spaces["builtins"]
        self._accept(space, space.names)

    def accept(self, said: Collection[str]) -> None:
        """What an instructor's cell has changed, which has to name it, is meant to be so.

        What the code that it has called has changed besides is put back before the next check.
        """
        self._tidy_modules()
        for space in self._spaces.values():
            if not space.is_intact():
                self._accept(space, said)
        self._cells = {
            number: (cell, found, name)
            for number, (cell, _, name) in self._cells.items()
            if (found := _contents(cell)) is not _missing
        }

    def _accept(self, space: _Space, said: Collection[str]) -> None:
        now = dict(space.space)
        had = {
            name: now.get(name, _missing) if name in said else value
            for name, value in zip(space.names, space.values, strict=True)
        }
        if space.closed is not None:
            had |= {name: value for name, value in now.items() if name in said or not acts(value)}
        space.learn({name: value for name, value in had.items() if value is not _missing})


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _missing


def _is_harmless(name: str, value: object) -> bool:
    """Whether a name in a class that had data may have this.

    A property would be asked instead of what the objects themselves have of that name.
    """
    return not acts(value, ACTS if name.startswith("__") else _GOVERNS)


def _inherits(kind: type, name: str, value: object) -> bool:
    """Whether a class has by a name what one of its bases has: `typing.Protocol` sees to that."""
    return any(
        is_texts(space) and space.get(name) is value
        for space in map(namespace_of, mro_of(kind)[1:])
    )


def _is_pythons(name: str) -> bool:
    """Whether a module is Python's own, or ours."""
    return name.partition(".")[0] in _PYTHONS


def _is_pythons_own(kind: type) -> bool:
    """Whether a class is made of nothing but classes of the notebook's and Python's own."""
    for ancestor in mro_of(kind):
        space = namespace_of(ancestor)
        if not is_texts(space) or not _is_pythons(text_in(space.get("__module__", "builtins"))):
            return False
    return True


def _counts(attribute: str, value: object) -> bool:
    return (id(type(value)) in _CALLED or acts(value, _CALL)) and attribute not in _OPEN


def snapshot() -> tuple[dict[str, Any], dict[str, list[_Class]]]:
    """Everything that is loaded now, for `Seal`."""
    modules = {
        name: (module, dict(vars(module)))
        for name, module in sys.modules.items()
        if type(module) is ModuleType
    }
    behind = {each for names in _BEHIND.values() for each in names}
    classes = {
        name: [*_classes(name, space)]
        for name, (_, space) in modules.items()
        if name in CORE or name in behind
    }
    return modules, classes


def _classes(name: str, space: Mapping[str, Any]) -> Iterator[_Class]:
    for value in space.values():
        if not is_class(value) or not is_heap_type(value):
            continue
        members = namespace_of(value)
        home = text_in(members.get("__module__")) if is_texts(members) else ""
        if home == name or home.startswith(f"{name}."):
            had = dict(members if _is_pythons(name) else _methods(members))
            yield value, had, type(value), bases_of(value)


def _methods(space: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in space.items():
        if id(type(value)) in _MEMBERS:
            yield name, value
