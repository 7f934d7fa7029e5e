"""What runs need of servers is at hand before they start."""

from __future__ import annotations

import pytest

from onsite.errors import OnsiteError
from onsite.grading.servers import fetch_programs
from onsite.services import debian


def test_what_only_debian_has_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(names: tuple[str, ...]) -> None:
        asked.append(names)
        raise OnsiteError("no network")

    monkeypatch.setattr(debian, "fetch", fetch)
    monkeypatch.setenv("PATH", "/nowhere")
    fetch_programs(("postgres", "valkey", "pgbouncer", "kafka", "memcached", "no such service"))
    assert asked == [("pgbouncer",), ("memcached",)]


def test_what_is_on_path_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    (folder / "mariadbd").touch(mode=0o755)
    (folder / "pgbouncer").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(debian, "fetch", lambda names: pytest.fail(f"fetched {names}"))
    fetch_programs(("mariadb", "pgbouncer"))


def test_what_somebody_runs_already_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("ONSITE_PGBOUNCER_URL", "postgresql://me@127.0.0.1:6432")
    monkeypatch.setattr(debian, "fetch", lambda names: pytest.fail(f"fetched {names}"))
    fetch_programs(("pgbouncer",))
