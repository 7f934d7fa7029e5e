from __future__ import annotations

import importlib

import pytest

from onsite.grading.preload import ALWAYS, OPTIONAL, used_by


@pytest.mark.parametrize("name", [*ALWAYS, *OPTIONAL])
def test_all_of_it_can_be_imported(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json", ()),
        ("import pandas as pd", ("pandas",)),
        ("x = 1\nif x:\n    from pandas import DataFrame", ("pandas",)),
        ("import json, pandas, re", ("pandas",)),
        ("from django.conf import settings", ("django.db.models",)),
        (
            "from onsite.services import postgres",
            ("onsite.services.handles.postgres", "onsite.services.handles.valkey"),
        ),
        ("from onsite.stage import Stage", ()),
        ("from onsite.virtual_time import now, play", ()),
        ("import redis", ("redis", "redis.asyncio")),
        ("# about pandas\npandasque = 1", ()),
        ("%matplotlib inline\nimport psycopg", ("psycopg",)),
        ("import matplotlib.pyplot as plt", ("matplotlib.pyplot",)),
        ("%load_ext onsite", ("onsite.study.notebook",)),
        ("%load_ext autoreload", ()),
    ],
)
def test_what_cells_import(source: str, expected: tuple[str, ...]) -> None:
    assert used_by([source]) == expected
