"""Every handle starts and works in a run, on the run's own loopback."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest
from tests.grading.conftest import LIMITS
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import OrdinaryUser
from tests.services.every import EVERY

from onsite.grading.runner import Runner
from onsite.services import debian
from onsite.services.packages import package_of

PATIENT = replace(LIMITS, seconds_per_cell=60, seconds=120)


@pytest.fixture(scope="session")
def fetched() -> None:
    """What a run could not fetch itself, as a course's first use of a service does."""
    for name in ("mariadb", "memcached", "pgbouncer", "rabbitmq"):
        debian.fetch(package_of(name).debian)


@pytest.mark.slow
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("name", EVERY)
def test_every_handle(boxed: Runner, name: str) -> None:
    source = f"from onsite.services import *\n{EVERY[name]}\nprint(handle.state)"
    result = boxed.run(notebook(source), limits=PATIENT)
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
