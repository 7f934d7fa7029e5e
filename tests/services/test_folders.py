"""The runtime folder: whose it is, and what in it is stale."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from onsite.errors import OnsiteError
from onsite.services import folders, valkey


@pytest.fixture
def place(runtime: Path) -> Path:
    """An empty folder that servers could reach."""
    path = Path(tempfile.mkdtemp(prefix="place ", dir=runtime.parent))
    path.chmod(0o755)
    return path


def test_others_cannot_look_into_it() -> None:
    mode = stat.S_IMODE(folders.home().stat().st_mode)
    assert mode == (0o711 if os.geteuid() == 0 else 0o700)


def test_the_users_cache_folder_is_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONSITE_RUNTIME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    monkeypatch.setenv("HOME", str(place))
    assert folders.home().is_relative_to(place)


@pytest.mark.parametrize("home", ["", "/dev/null/home"])
def test_without_a_usable_home_it_lies_among_temporary_files(
    place: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.delenv("ONSITE_RUNTIME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(place))
    assert folders.home() == place / f"onsite-{os.geteuid()}"


def test_a_folder_that_somebody_prepared_for_us_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "real").mkdir()
    (place / "trap").symlink_to(place / "real")
    monkeypatch.setenv("ONSITE_RUNTIME", str(place / "trap"))
    with pytest.raises(OnsiteError, match=r"belongs to somebody else.*set ONSITE_RUNTIME"):
        folders.home()


def test_a_file_in_its_place_is_reported(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").touch()
    monkeypatch.setenv("ONSITE_RUNTIME", str(place / "file"))
    with pytest.raises(OnsiteError, match="set ONSITE_RUNTIME to one that you own"):
        folders.home()


def test_a_stale_folder_is_cleaned_by_the_next_start_and_a_kept_one_is_not() -> None:
    with valkey() as kept:
        stale = folders.home() / "servers" / "0123456789ab"
        (stale / "data").mkdir(parents=True)
        (stale / "data" / "dump").write_text("old")
        (stale / "lock").touch()
        # an id that belongs to another process by now, which must survive
        (stale / "entry.json").write_text(f'{{"pid": {os.getpid()}}}')
        with valkey():
            assert not stale.exists()
            assert kept.client.ping()


def test_what_was_made_from_a_program_that_is_gone_is_deleted(place: Path) -> None:
    for name, source in {"live": place, "dead": place / "uninstalled"}.items():
        (place / name).mkdir()
        (place / name / "source").write_text(str(source))
    folders.forget_unused(place)
    assert [path.name for path in sorted(place.iterdir())] == ["live"]
