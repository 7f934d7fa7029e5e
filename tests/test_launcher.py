"""./onsite and bootstrap.py: what they say when there can be no environment."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from onsite import bootstrap

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the launcher and no environment, that bootstrap takes for its own."""
    root = tmp_path / "a course"
    (root / "src" / "onsite").mkdir(parents=True)
    for name in ("onsite", *bootstrap.CONTAINS, "src/onsite/bootstrap.py"):
        shutil.copy(ROOT / name, root / name)
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "VENV", root / ".venv")
    monkeypatch.setattr(bootstrap, "MADE_FOR", root / ".venv" / "onsite-root")
    return root


def launch(root: Path, path: Path | str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", root / "onsite", "--help"],
        env={"PATH": str(path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def tools(folder: Path) -> Path:
    """A PATH that has what a shell script may count on, and no Python."""
    folder.mkdir()
    for name in ("dirname", "cmp", "cat"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def pretend_current(root: Path, lock: str) -> None:
    (root / ".venv").mkdir(exist_ok=True)
    for name in bootstrap.CONTAINS[lock]:
        shutil.copy(root / name, root / ".venv" / name)
    (root / ".venv" / "onsite-root").write_text(f"{root}\n")


def test_no_python_is_one_sentence_with_the_cure(checkout: Path, tmp_path: Path) -> None:
    done = launch(checkout, tools(tmp_path / "bin"))
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_old_python_does_not_count(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin")
    old = path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = launch(checkout, path)
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr


def test_python_without_venv_names_the_debian_package(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name)
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        bootstrap.main("requirements.lock")
    assert ended.value.code == 2
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt install python{version}-venv" in capsys.readouterr().err
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_is_not_taken_for_a_finished_one(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(
        bootstrap, "make_venv", lambda *, with_pip: (checkout / ".venv" / "bin").mkdir(parents=True)
    )

    def fail(command: object, total: int) -> None:
        raise bootstrap.failed()

    monkeypatch.setattr(bootstrap, "run_pip", fail)
    with pytest.raises(SystemExit):
        bootstrap.main("requirements.lock")
    assert "run the same command again" in capsys.readouterr().err
    assert not bootstrap.is_current("requirements.lock")


def test_pip_failing_shows_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print('Collecting a==1'); print('no matching distribution'); sys.exit(1)"
    with pytest.raises(bootstrap.BootstrapError, match="check the network"):
        bootstrap.run_pip([sys.executable, "-c", script], total=1)
    assert "no matching distribution" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "lock"),
    [
        (lambda root: (root / "requirements.lock").write_text("new==1\n"), "requirements.lock"),
        (lambda root: (root / ".venv" / "requirements.lock").unlink(), "requirements.lock"),
        (lambda root: (root / ".venv" / "onsite-root").write_text("/x\n"), "requirements.lock"),
        (lambda root: None, "requirements-test.lock"),
    ],
    ids=["lock changed", "interrupted", "folder moved", "test packages missing"],
)  # fmt: skip
def test_stale_environments_are_noticed(checkout: Path, spoil, lock: str) -> None:  # type: ignore[no-untyped-def]
    pretend_current(checkout, "requirements.lock")
    assert bootstrap.is_current("requirements.lock")
    spoil(checkout)
    assert not bootstrap.is_current(lock)


def test_a_second_run_waits_and_then_finds_the_work_done(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "install", installed.append)
    with (checkout / ".venv.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        second = threading.Thread(target=bootstrap.main, args=["requirements.lock"])
        second.start()
        second.join(0.2)
        assert second.is_alive()
        pretend_current(checkout, "requirements.lock")
    second.join(10)
    assert not second.is_alive()
    assert installed == []
    assert "another onsite is making the environment" in capsys.readouterr().err


def test_a_read_only_folder_is_one_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Raised by hand, because root, as whom CI may run, can write everywhere.
    def refuse(lock: str) -> None:
        raise PermissionError(13, "Permission denied", str(checkout / ".venv"))

    monkeypatch.setattr(bootstrap, "install", refuse)
    with pytest.raises(SystemExit) as ended:
        bootstrap.main("requirements.lock")
    assert ended.value.code == 2
    assert "make the folder of the course writable" in capsys.readouterr().err


def test_another_folders_environment_is_left_alone(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (checkout / ".venv").symlink_to(theirs)
    with pytest.raises(SystemExit) as ended:
        bootstrap.main("requirements.lock")
    assert ended.value.code == 2
    assert ".venv is a link; remove the link" in capsys.readouterr().err
    assert theirs.is_dir()
    assert [*theirs.iterdir()] == []
