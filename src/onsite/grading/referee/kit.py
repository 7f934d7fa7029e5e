"""What the referee of a run is made of, prepared once in the warm process."""

from __future__ import annotations

import builtins
import gc
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import Any

from onsite.grading.referee.apart import load_apart
from onsite.grading.referee.bind import bind, template
from onsite.grading.referee.constants import MARK
from onsite.grading.referee.instrument import WITNESSES

_APART = ("constants", "plain", "line", "inside")


@dataclass(frozen=True, slots=True)
class Kit:
    """Private copies of the referee's modules, and what of Python was as it should be.

    Attributes:
        modules: the namespaces of the copies.
        builtins: the built-in functions by name.
        trusted: ids of the classes that exist; the student's are yet to come.
    """

    modules: Mapping[str, Any]
    builtins: Mapping[str, Any]
    trusted: frozenset[int]

    def begin(
        self, descriptor: int, namespace: dict[str, Any], seen: Mapping[str, Any]
    ) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Add a referee to this process, which is a run's.

        Args:
            descriptor: of the line to the runner; the key of the line comes first.
            namespace: the notebook's global names.
            seen: objects named in naked.py that are the run's own.

        Returns:
            What takes turns, called with an event loop; and the handler of SIGINT.
        """
        inside, line = self.modules["inside"], self.modules["line"]
        key = os.read(descriptor, line["KEY_BYTES"])
        secret = f"onsite.{secrets.token_hex(16)}"
        referee = inside["Referee"](
            line["Line"](key, near=False),
            descriptor,
            secret,
            namespace,
            dict(self.builtins),
            self.trusted,
        )
        functions = bind({
            "audit": sys.audit,
            "secret": secret,
            "scalars": inside["SCALARS"],
            "operators": inside["OPERATORS"],
            "true": bool,
            "type_of": type,
            "subclass": issubclass,
            "coroutine": CoroutineType,
            "failure": AssertionError,
            "anything": BaseException,
            "build": builtins.__build_class__,
            **seen,
        })  # fmt: skip
        for name in WITNESSES:
            referee.objects[MARK + name.encode()] = functions[name]
        for name, value in self.builtins.items():
            referee.objects[MARK + f"builtins.{name}".encode()] = value
        referee.builtins["__build_class__"] = functions["build_class"]
        sys.addaudithook(referee.hook)
        gc.freeze()
        return functions["main"], functions["interrupt"]


def make_kit() -> Kit:
    """The kit, made when all that runs import has been imported, and before any of them."""
    template()
    own = {name: value for name, value in vars(builtins).items() if name != "_"}
    return Kit(load_apart(_APART), own, frozenset(map(id, _classes(object))))


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
