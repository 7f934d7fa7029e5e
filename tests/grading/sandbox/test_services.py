"""Every handle starts and works in a run, on the run's own loopback."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.grading.conftest import LIMITS
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import OrdinaryUser
from tests.services.every import EVERY

from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox
from onsite.grading.servers import fetch_programs

PATIENT = replace(LIMITS, seconds_per_cell=60, seconds=120)


@pytest.fixture(scope="module")
def supplied(box: Sandbox) -> Iterator[Runner]:
    """Its warm process starts when all is fetched that a run could not fetch itself."""
    fetch_programs(("mariadb", "memcached", "pgbouncer", "rabbitmq"))
    with Runner(limits=PATIENT, sandbox=box) as runner:
        yield runner


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_handle(supplied: Runner, name: str) -> None:
    source = f"from onsite.services import *\n{EVERY[name]}\nprint(handle.state)"
    result = supplied.run(notebook(source))
    assert result["c0"].status == "ok", result["c0"].error_message
    assert result["c0"].outputs[-1]["text"] == "running\n"


def test_postgresql_begins_with_what_was_made_once(anybody: Runner | OrdinaryUser) -> None:
    source = """
    from onsite.services import folders, postgres
    with postgres().connect() as c:
        print(c.execute("select 6 * 7").fetchone())
    for template in (folders.home() / "templates").glob("postgres*"):
        print(template.is_symlink())
    """
    result = anybody.run(notebook(textwrap.dedent(source)))
    assert result["c0"].status == "ok", result["c0"]
    assert result["c0"].outputs[0]["text"] == "(42,)\nTrue\n"
