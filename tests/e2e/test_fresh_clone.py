"""What a newcomer does: clone into an empty folder with an empty HOME, then one command.

Where this machine has another Python than the one that runs the tests, it is the newcomer's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 60
SOLUTIONS = ROOT / "tests" / "grading" / "sandbox" / "solutions.py"


def newcomer(home: Path) -> dict[str, str]:
    """The environment of somebody who has Python and the machine's network settings only."""
    own = str(Path(sys.prefix))
    path = [p for p in os.environ["PATH"].split(os.pathsep) if not p.startswith(own)]
    base = str(Path(sys.base_prefix) / "bin")
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "UV_", "LANG"))}
    python = other_python() or sys.executable
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join([base, *path]),
        "ONSITE_PYTHON": str(python),
    }


def other_python() -> Path | None:
    """The newest other Python that the course is made for, on PATH or where pyenv keeps them."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += [base / "bin" for base in Path(sys.base_prefix).parent.iterdir()]
    for minor in (13, 12, 11):
        for folder in folders:
            found = folder / f"python3.{minor}"
            if minor != sys.version_info.minor and os.access(found, os.X_OK):
                # Debian's may lack what makes an environment; pyenv's shims may refuse to run.
                able = subprocess.run([found, "-c", "import ensurepip"], capture_output=True)
                if able.returncode == 0:
                    return found
    return None


@pytest.mark.slow
@pytest.mark.timeout(15 * MINUTES)
def test_one_command_makes_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    clone = tmp_path / "a folder with spaces" / "onsite"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    env = newcomer(home)

    # The first run is killed in the middle of its work.
    first = subprocess.Popen(
        [clone / "onsite", "coverage"], env=env, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 2 * MINUTES
    while not (clone / ".venv" / "bin" / "pip").exists():
        assert first.poll() is None, "the first run ended before it made an environment"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()

    # Then two runs at once, from another folder: both must work.
    two = [
        subprocess.Popen(
            [clone / "onsite", command],
            cwd=tmp_path, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for command in ("coverage", "--help")
    ]  # fmt: skip
    said = [process.communicate(timeout=12 * MINUTES) for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert "questions" in said[0][0]
    assert "Usage" in said[1][0]
    errors = said[0][1] + said[1][1]
    assert errors.count("the environment is ready") == 1
    assert errors.count("another onsite is making the environment") == 1

    # From now on there is nothing to install, so no network is needed.
    offline = {**env, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    again = subprocess.run(
        [clone / "onsite", "build", "--check"],
        cwd=tmp_path, env=offline, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stdout + again.stderr
    assert "packages" not in again.stderr

    # Topics, checks and the sandbox on that Python; servers need not be fetched again.
    graded = subprocess.run(
        [clone / ".venv" / "bin" / "python", SOLUTIONS, clone],
        env=offline | {"HOME": os.environ["HOME"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (graded.returncode, graded.stdout, graded.stderr) == (0, "", ""), other_python()

    size = subprocess.run(
        ["du", "-sm", clone / ".venv"], capture_output=True, text=True, check=True
    )
    assert int(size.stdout.split()[0]) <= 900, "the base install must stay under 900 MB"
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
