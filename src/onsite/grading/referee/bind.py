"""The functions of naked.py and witnesses.py, with what they use as constants of their code.

Loaded apart (see apart.py).
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any

from onsite.grading.referee.constants import MARK, fill


def bind(template: CodeType, objects: Mapping[str, Any]) -> dict[bytes, FunctionType]:
    """The functions of a template by placeholder, with objects as constants and no globals.

    A function may call those that stand above it.
    """
    places: dict[bytes, Any] = {MARK + name.encode(): item for name, item in objects.items()}
    made: dict[bytes, FunctionType] = {}
    for code in template.co_consts:
        if isinstance(code, CodeType):
            # What is written in C imports by the built-in names of the frame that it finds itself
            # in: since 3.12 the making of a subclass of typing.Generic does.
            names = {"__builtins__": {"__import__": builtins.__import__}}
            function = FunctionType(fill(code, places | made), names)
            made[MARK + code.co_name.encode()] = function
    return made
