"""What the referee of a run is made of, prepared once in the warm process."""

from __future__ import annotations

import _thread
import builtins
import gc
import os
import secrets
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from types import CodeType, CoroutineType
from typing import Any

from onsite.grading.referee.apart import load_apart
from onsite.grading.referee.constants import MARK
from onsite.grading.referee.seal import snapshot
from onsite.grading.referee.template import lines, template
from onsite.stage import Stage

_FILES = ("naked", "witnesses")
_APART = (
    "constants", "bind", "calls", "opaque", "kinds", "plain", "line", "owners", "genuine",
    "watch", "seal", "doubts", "inside",
)  # fmt: skip


@dataclass(frozen=True)
class Kit:
    """Private copies of the referee's modules, and what of Python was as it should be.

    Attributes:
        apart: the namespaces of the copies.
        builtins: the built-in functions by name.
        trusted: ids of the classes that exist; the student's are yet to come.
        seal: a `Seal` on what is loaded.
        libraries: where the modules lie that are not the student's.
        tracers: code of theirs that sets trace functions in checks.
    """

    apart: Mapping[str, Any]
    builtins: Mapping[str, Any]
    trusted: frozenset[int]
    seal: Any
    libraries: tuple[str, ...]
    tracers: tuple[CodeType, ...]

    def begin(
        self, descriptor: int, namespace: dict[str, Any], seen: Mapping[str, Any]
    ) -> Callable[[object], None]:
        """Add a referee to this process, which is a run's; what takes turns with it.

        Args:
            descriptor: of the line to the runner; the key of the line comes first.
            namespace: the notebook's global names.
            seen: objects named in naked.py that are the run's own.
        """
        inside, line = self.apart["inside"], self.apart["line"]
        owners, bind = self.apart["owners"], self.apart["bind"]["bind"]
        witnesses = template("witnesses")
        opaque, nothing = self.apart["opaque"]["opaque"], self.apart["opaque"]["NOTHING"]
        key = os.read(descriptor, line["KEY_BYTES"])
        objects = {
            "audit": sys.audit,
            "secret": f"onsite.{secrets.token_hex(16)}",
            "scalars": owners["SCALAR_IDS"],
            "id_of": id,
            "row": tuple,
            "every": starmap,
            "true": bool,
            "type_of": type,
            "name_of": type.__dict__["__name__"].__get__,
            "subclass": issubclass,
            "coroutine": CoroutineType,
            "failure": AssertionError,
            "anything": BaseException,
            "build": builtins.__build_class__,
            **seen,
        }
        referee = inside["Referee"](
            line["Line"](key, near=False),
            descriptor,
            namespace,
            dict(self.builtins),
            owners["Owners"](self.trusted),
            self.seal,
            self.libraries,
            self.tracers,
            {name: at for file in _FILES for name, at in lines(file).items()},
            lambda cell: bind(witnesses, {**objects, "cell": cell}),
            objects["secret"],
        )
        ears = {
            "hear": opaque(referee.hear),
            "looks": opaque(referee.looking.get),
            "nothing": nothing,
            "events": referee.rules | {objects["secret"]},
            "rules": referee.rules,
            "thread": _thread.get_ident,
            "again": _thread.interrupt_main,
            "collect": gc.collect,
        }
        functions = {
            name.removeprefix(MARK).decode(): function
            for name, function in bind(template("naked"), objects | ears).items()
        }
        referee.begin(functions)
        sys.addaudithook(functions["hook"])
        gc.freeze()
        main: Callable[[object], None] = functions["main"]
        return main


def make_kit() -> Kit:
    """The kit, made when all that runs import has been imported, and before any of them."""
    apart = load_apart(_APART)
    for file in _FILES:  # what is asked for once is kept
        template(file)
        lines(file)
    own = {name: value for name, value in vars(builtins).items() if name != "_"}
    modules, classes = snapshot()
    trusted = frozenset(map(id, _classes(object)))
    seal = apart["seal"]["Seal"](modules, classes)
    return Kit(apart, own, trusted, seal, _libraries(), (Stage._act.__code__,))


def _libraries() -> tuple[str, ...]:
    """Where the modules lie that are not the student's."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{folder}/" for folder in (*sorted(folders), Path(__file__).parents[2]))


def _classes(top: type) -> Iterator[type]:
    """Every class there is."""
    seen: set[type] = {top}
    todo = [top]
    while todo:
        one = todo.pop()
        yield one
        classes: list[type] = type.__subclasses__(one)
        for below in classes:
            if below not in seen:
                seen.add(below)
                todo.append(below)
