"""What kills a run from outside is no doing of the notebook's: it is run again, then given up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.grading.conftest import LIMITS
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import forbid_namespaces, mask_proc, start

from onsite.errors import OnsiteError
from onsite.grading.result import CellResult
from onsite.grading.runner import Runner, RunnerError
from onsite.grading.sandbox import Sandbox, find, refusal

#: How far above what its first cell starts each of them is.
RUN, INIT, ZYGOTE = range(3)
#: An argument that nothing else on this machine is called with.
MARK = f"600.{os.getpid()}"


class Killer:
    """Kills one of the processes above a run's first in its second cell, so many times."""

    def __init__(self, above: int, times: int) -> None:
        self.killed: list[int] = []
        self._above = above
        self._times = times

    def __call__(self, cell: CellResult) -> bool:
        """To be asked after each cell whether the run may stop."""
        if cell.id == "c0" and len(self.killed) < self._times:
            sleeping = [
                process
                for process in psutil.process_iter(["cmdline"])
                if MARK in (process.info["cmdline"] or [])
            ]
            # What is left of a run that was killed is older.
            youngest = max(sleeping, key=lambda process: process.create_time())
            threading.Timer(0.3, self._kill, [youngest.parents()[self._above]]).start()
        return False

    def _kill(self, victim: psutil.Process) -> None:
        self.killed.append(victim.pid)
        victim.send_signal(signal.SIGKILL)


SLOW = notebook(
    f"import subprocess\nsubprocess.Popen(['sleep', '{MARK}'])\n'earned'",
    "import time; time.sleep(2)",
    "'after'",
)


@pytest.mark.slow
@pytest.mark.parametrize("above", [ZYGOTE, INIT, RUN], ids=["zygote", "init", "run"])
def test_a_kill_from_outside_is_made_good(box: Sandbox, above: int) -> None:
    with Runner(sandbox=box, limits=LIMITS) as one:
        killer = Killer(above, 1)
        result = one.run(SLOW, stop=killer)
    assert len(killer.killed) == 1
    assert [cell.status for cell in result.cells] == ["ok"] * 3
    assert result.ending == "complete"


def waiting(runner: Runner) -> tuple[psutil.Process, psutil.Process]:
    """The init of the run that was made while the last one went on, and that run."""
    assert runner._zygote is not None
    (zygote,) = psutil.Process(runner._zygote._process.pid).children()
    while True:
        # The last run's init may not have gone yet.
        with contextlib.suppress(psutil.NoSuchProcess, ValueError):
            (init,) = zygote.children()
            (run,) = init.children()
            return init, run
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("above", [INIT, RUN], ids=["init", "run"])
def test_a_run_that_is_killed_before_its_turn_is_no_zero(box: Sandbox, above: int) -> None:
    """The next run is made while one goes on, and waits."""
    with Runner(sandbox=box, limits=LIMITS) as one:
        one.run(notebook("1"))
        init, run = waiting(one)
        victim = init if above == INIT else run
        victim.kill()
        result = one.run(notebook("1", "2"))
    assert [cell.status for cell in result.cells] == ["ok"] * 2


@pytest.mark.slow
def test_a_run_that_waits_is_not_looked_at(box: Sandbox) -> None:
    """It may wait for days, in a JupyterLab with formgrader."""
    with Runner(sandbox=box, limits=LIMITS) as one:
        one.run(notebook("1"))
        init, _ = waiting(one)
        before = -1
        for _ in range(60):  # until it has started
            if (now := init.num_ctx_switches().voluntary) == before:
                break
            before = now
            time.sleep(0.5)
        else:
            pytest.fail(f"it has woken up {before} times")


@pytest.mark.slow
def test_a_run_that_is_lost_twice_is_given_up(box: Sandbox) -> None:
    with Runner(sandbox=box, limits=LIMITS) as one:
        killer = Killer(INIT, 2)
        with pytest.raises(RunnerError, match=r"lost twice \(what watched over the run died\)"):
            one.run(SLOW, stop=killer)
        assert len(killer.killed) == 2
        assert one.run(notebook("1"))["c0"].status == "ok"


@pytest.mark.slow
def test_a_cell_in_which_the_run_is_killed_twice_is_the_notebooks_own_doing(box: Sandbox) -> None:
    with Runner(sandbox=box, limits=LIMITS) as one:
        killer = Killer(RUN, 2)
        result = one.run(SLOW, stop=killer)
    assert len(killer.killed) == 2
    assert [cell.status for cell in result.cells] == ["ok", "killed", "not_run"]
    assert (result.ending, result.limit) == ("killed", "")


@pytest.mark.slow
def test_a_run_that_is_killed_everywhere_is_given_up(bare: Runner, tmp_path: Path) -> None:
    """In another cell each time: then there is no cell whose doing it could be."""
    count = tmp_path / "count"
    count.write_text("0")
    cell = (
        f"import os, pathlib\ncount = pathlib.Path({str(count)!r})\n"
        "def die_at(n):\n    if int(count.read_text()) == n:\n"
        "        count.write_text(str(n + 1))\n        os.kill(os.getpid(), 9)"
    )
    with pytest.raises(RunnerError, match="killed 3 times"):
        bare.run(notebook(cell, *(f"die_at({2 - n})" for n in range(3))))


@pytest.mark.slow
def test_a_system_that_cannot_be_made_is_no_zero(boxed: Runner) -> None:
    with pytest.raises(RunnerError, match=r"lost twice \(.*mount /tmp: Invalid argument"):
        boxed.run(notebook("1"), limits=replace(LIMITS, disk_bytes=-1))
    assert boxed.run(notebook("1"))["c0"].status == "ok"


@pytest.mark.slow
def test_a_thread_that_started_the_worker_may_end(box: Sandbox) -> None:
    """Some ways to be told of a parent's end mean its thread; the worker outlives that."""
    with Runner(sandbox=box, limits=LIMITS) as one:
        thread = threading.Thread(target=one.run, args=(notebook("1"),))
        thread.start()
        thread.join()
        assert one._zygote is not None
        before = one._zygote._process.pid
        assert one.run(notebook("1"))["c0"].status == "ok"
        assert one._zygote._process.pid == before


# --- where there is no sandbox ----------------------------------------------------------------


def fake(folder: Path, said: str, code: int = 1) -> None:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {code}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    "said",
    [
        "bwrap: No permissions to create new namespace",
        "bwrap: setting up uid map: Permission denied",
        "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
    ],
)
def test_a_bubblewrap_that_may_not(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, said.replace("'", "`"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(OnsiteError, match="no sandbox for other people's work") as refused:
        find()
    text = str(refused.value)
    assert said.removeprefix("bwrap: ").replace("'", "`") in text
    assert "--trust" in text
    assert "\n" not in text


def test_no_bubblewrap_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ONSITE_RUNTIME", str(tmp_path / "runtime"))
    with pytest.raises(OnsiteError, match=r"no bwrap on PATH.*install the package bubblewrap"):
        find()


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(OnsiteError, match=r"only Linux.*--trust"):
        find()


@pytest.mark.parametrize(
    ("setting", "value", "cure"),
    [
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "AppArmor profile"),
        ("kernel.unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("user.max_user_namespaces", "0", "sysctl user.max_user_namespaces="),
    ],
)
def test_settings_that_forbid_it(
    setting: str, value: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(refusal, "_setting", lambda name: value if name == setting else "")
    text = refusal.explain("bwrap: it did not work.\n")
    assert cure in text
    assert "(it did not work)" in text
    assert "--trust" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forbid", "cure"),
    [
        (forbid_namespaces, "sysctl user.max_user_namespaces="),
        (mask_proc, "if this is a container"),
    ],
)
def test_a_machine_that_forbids_it(box: Sandbox, forbid: Callable[[], None], cure: str) -> None:
    program = "from onsite.grading.sandbox import find\nfind()"
    with tempfile.TemporaryDirectory() as home:
        refused = start(["-c", program], Path(home), box, forbid, stderr=subprocess.PIPE)
        _, said = refused.communicate(timeout=60)
    last = said.decode().strip().splitlines()[-1]
    assert last.startswith("onsite.errors.OnsiteError: there is no sandbox for other people's work")
    assert cure in last
    assert "--trust" in last


def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    old = os.uname_result(("Linux", "here", "5.10.0-28-amd64", "#1", "x86_64"))
    monkeypatch.setattr("os.uname", lambda: old)
    assert "Linux 5.10 is older than 5.14" in refusal.explain("whatever")
