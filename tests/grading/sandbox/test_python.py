from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import onsite
from onsite.errors import OnsiteError
from onsite.grading.sandbox import find
from onsite.grading.sandbox.python import package_folders, python_folders, python_links


def test_all_modules_are_below_the_folders() -> None:
    """Whatever this process has imported from a file, but the tests."""
    shown = [Path("/usr"), *python_folders()]
    for module in (os, pytest, onsite):
        assert module.__file__ is not None
        assert any(Path(module.__file__).is_relative_to(folder) for folder in shown)


def test_links_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those that managers of several Pythons make in a folder of programs."""
    real = tmp_path / "python-3/bin/python3"
    real.parent.mkdir(parents=True)
    real.touch()
    between = tmp_path / "programs/python"
    between.parent.mkdir()
    between.symlink_to("../python-3/bin/python3")
    venv = tmp_path / "venv/bin/python"
    venv.parent.mkdir(parents=True)
    venv.symlink_to(between)
    monkeypatch.setattr(sys, "executable", str(venv))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert tmp_path / "python-3" in python_folders()
    assert tmp_path / "programs" not in python_folders()
    assert python_links() == {between: "../python-3/bin/python3"}


def test_packages_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / ".local/lib/python3/site-packages"
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(site)])
    assert package_folders() == [site]
    assert site in python_folders()
    assert tmp_path not in python_folders()


def test_a_python_among_ones_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would have to be shown with all that lies beside it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(OnsiteError, match=r"together with your own files.*--trust"):
        find()
