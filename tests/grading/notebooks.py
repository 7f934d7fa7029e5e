"""Notebooks for tests, made from their cells' sources."""

from __future__ import annotations

import json
from typing import Any


def cell(source: str, *, tags: list[str] | None = None, **metadata: Any) -> dict[str, Any]:
    """One code cell."""
    return {
        "cell_type": "code",
        "metadata": {**({"tags": tags} if tags else {}), **metadata},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def notebook(*cells: str | dict[str, Any]) -> bytes:
    """A notebook of code cells with the ids c0, c1, ..."""
    made = [cell(each) if isinstance(each, str) else each for each in cells]
    for number, each in enumerate(made):
        each["id"] = f"c{number}"
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
    return json.dumps(content).encode()
