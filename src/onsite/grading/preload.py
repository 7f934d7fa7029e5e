"""What the warm process imports, so that runs need not.

A fork copies the tables of all the memory that its parent has, so that each further library in the
warm process makes every run a little slower: those that no notebook of an assignment imports are
left out. A run that wants one anyway imports it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: What every other notebook uses.
ALWAYS = (
    "asyncio",
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "email.message",
    "http.client",
    "http.server",
    "importlib.metadata",
    "multiprocessing.pool",
    "sqlite3",
    "statistics",
    "unittest.mock",
    "urllib.request",
    "IPython.display",
    "onsite.stage",
    "onsite.virtual_time",
)
#: What it takes a notebook of the topic to import.
OPTIONAL = (
    "alembic.command",
    "django.db.models",
    "matplotlib.pyplot",
    "numpy.random",  # which every run seeds
    "onsite.services.handles.postgres",
    "onsite.services.handles.valkey",
    "onsite.study.notebook",
    "pandas",
    "psycopg",
    "redis",
    "redis.asyncio",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
)
_LOADS = re.compile(r"^[ \t]*%load_ext[ \t]+onsite\b", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([\w.]+(?:[ \t]*,[ \t]*[\w.]+)*)", re.MULTILINE)


def used_by(sources: Iterable[str]) -> tuple[str, ...]:
    """Which of `OPTIONAL` cells with these sources import; too many do no harm."""
    found = {
        _package(name)
        for source in sources
        for names in _IMPORT.findall(_LOADS.sub("import onsite.study", source))
        for name in re.split(r"[\s,]+", names)
    }
    return tuple(name for name in OPTIONAL if _package(name) in found)


def _package(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == "onsite" else 1])
