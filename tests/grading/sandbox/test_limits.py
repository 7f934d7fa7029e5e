"""Every limit bites, and the result says which it was."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest
from tests.grading.conftest import LIMITS
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import OrdinaryUser

from onsite.grading.result import Limits, RunResult
from onsite.grading.runner import Runner

MIB = 1 << 20
#: Seconds of what takes for ever; a busy machine can stand still for two.
SHORT = 3
Anybody = Runner | OrdinaryUser


def run(anybody: Anybody, source: str, limits: Limits) -> RunResult:
    """What came of a cell, between one that earns something and one that comes after."""
    cells = ("print('earned')", textwrap.dedent(source), "print('after')")
    result = anybody.run(notebook(*cells), limits=limits)
    assert result["c0"].status == "ok", "points that were earned before stay"
    return result


def assert_survived(result: RunResult, limit: str, error: str) -> None:
    """The system refused the cell something, and the run went on."""
    assert (result["c1"].status, result["c1"].limit) == ("error", limit), result["c1"]
    assert result["c1"].error_name == error
    assert result["c2"].status == "ok"
    assert (result.ending, result.limit) == ("complete", "")


def assert_ended(result: RunResult, limit: str, error: str) -> None:
    """The run was ended in the cell."""
    assert (result["c1"].status, result["c1"].limit) == ("killed", limit), result["c1"]
    assert result["c1"].error_name == error
    assert result["c1"].outputs[-1]["ename"] == error, "the executed notebook says it too"
    assert result["c2"].status == "not_run"
    assert (result.ending, result.limit) == ("killed", limit)


def test_time_of_a_cell(anybody: Anybody) -> None:
    result = run(anybody, "while True: pass", replace(LIMITS, seconds_per_cell=SHORT))
    assert (result["c1"].status, result["c1"].limit) == ("timeout", "time")
    assert result["c1"].error_name == "CellTimeoutError"
    assert result["c2"].status == "ok"


@pytest.mark.slow
def test_time_of_a_cell_that_heeds_no_interrupt(anybody: Anybody) -> None:
    source = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [2])\nwhile True: pass"
    result = run(anybody, source, replace(LIMITS, seconds_per_cell=SHORT))
    assert (result["c1"].status, result["c1"].limit) == ("timeout", "time")
    assert (result.ending, result.limit) == ("timeout", "time")


def test_time_of_the_notebook(anybody: Anybody) -> None:
    result = run(anybody, "import time; time.sleep(100)", replace(LIMITS, seconds=SHORT))
    assert (result.ending, result.limit) == ("timeout", "time")


def test_processor_time(anybody: Anybody) -> None:
    result = run(anybody, "while True: pass", replace(LIMITS, cpu_seconds=1))
    assert_ended(result, "cpu", "CpuLimitError")
    assert result.cpu_seconds > 1


def test_processor_time_of_children_that_have_ended(anybody: Anybody) -> None:
    source = """
    import os, time
    while True:
        if os.fork() == 0:
            end = time.process_time() + 0.1
            while time.process_time() < end: pass
            os._exit(0)
        os.wait()
    """
    assert_ended(run(anybody, source, replace(LIMITS, cpu_seconds=1)), "cpu", "CpuLimitError")


def test_processor_time_of_a_daemon(anybody: Anybody) -> None:
    source = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: pass
        os._exit(0)
    time.sleep(100)
    """
    assert_ended(run(anybody, source, replace(LIMITS, cpu_seconds=1)), "cpu", "CpuLimitError")


def test_memory_of_one_process(anybody: Anybody) -> None:
    result = run(anybody, "big = bytearray(400 << 20)", replace(LIMITS, memory_bytes=200 * MIB))
    assert_survived(result, "memory", "MemoryError")


SHARES = """
import os, time, mmap
for _ in range(4):
    if os.fork() == 0:
        big = {what}
        for place in range(0, len(big), 4096):
            big[place] = 1
        time.sleep(100)
time.sleep(100)
"""


@pytest.mark.parametrize(
    "what",
    ["bytearray(100 << 20)", "mmap.mmap(-1, 100 << 20)"],
    ids=["private", "shared"],
)
def test_memory_of_all_processes(anybody: Anybody, what: str) -> None:
    limits = replace(LIMITS, memory_bytes=300 * MIB)
    result = run(anybody, SHARES.format(what=what), limits)
    assert_ended(result, "memory", "MemoryLimitError")
    assert result.memory_bytes > limits.memory_bytes


def test_memory_that_forks_share_counts_once(anybody: Anybody) -> None:
    source = """
    import os, time
    big = bytearray(b"x" * (60 << 20))
    forks = []
    for _ in range(8):
        if not (pid := os.fork()):
            time.sleep(0.5)
            os._exit(0)
        forks.append(pid)
    [os.waitpid(pid, 0)[1] for pid in forks]
    """
    result = run(anybody, source, replace(LIMITS, memory_bytes=300 * MIB))
    assert [cell.status for cell in result.cells] == ["ok"] * 3, result["c1"]


def test_memory_in_a_process_that_nobody_may_look_into(anybody: Anybody) -> None:
    source = "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
    limits = replace(LIMITS, memory_bytes=300 * MIB)
    result = run(anybody, source + SHARES.format(what="bytearray(150 << 20)"), limits)
    assert_ended(result, "memory", "MemoryLimitError")


def test_memory_in_memory_files(anybody: Anybody) -> None:
    result = run(anybody, "import os\nos.memfd_create('hidden')", LIMITS)
    assert result["c1"].error_name == "OSError"
    assert "Function not implemented" in result["c1"].error_message


def test_memory_in_segments_of_system_v(anybody: Anybody) -> None:
    source = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    size, count = ctypes.c_size_t(128 << 10), 0
    assert libc.shmget(0, ctypes.c_size_t((128 << 10) + 1), 0o600) == -1
    assert libc.shmget(0, ctypes.c_size_t(1 << 40), 0o600) == -1
    assert libc.shmget(0, size, 0o600) >= 0, os.strerror(ctypes.get_errno())
    """
    assert run(anybody, source, LIMITS)["c1"].status == "ok"


def test_processes(anybody: Anybody) -> None:
    source = """
    import os, time
    print("pid", os.getpid())
    while True:
        if os.fork() == 0:
            time.sleep(100)
    """
    result = run(anybody, source, replace(LIMITS, processes=20))
    assert_survived(result, "processes", "BlockingIOError")


def test_processes_are_the_runs_own(anybody: Anybody) -> None:
    """Whatever else runs for the same user outside, a run may have all of its number."""
    source = """
    import os, time
    for count in range(19):
        if os.fork() == 0:
            time.sleep(100)
    """
    assert run(anybody, source, replace(LIMITS, processes=20))["c1"].status == "ok"


def test_threads_count_as_processes(anybody: Anybody) -> None:
    source = """
    import threading, time
    for _ in range(30):
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
    """
    assert_survived(
        run(anybody, source, replace(LIMITS, processes=20)), "processes", "RuntimeError"
    )


@pytest.mark.slow
def test_a_fork_bomb(anybody: Anybody) -> None:
    source = """
    import os
    while True:
        try:
            os.fork()
        except BlockingIOError:
            pass
    """
    limits = replace(LIMITS, seconds_per_cell=2, processes=50)
    result = run(anybody, source, limits)
    assert result["c1"].status in ("timeout", "killed")
    assert anybody.run(notebook("1"))["c0"].status == "ok"


def test_open_files(anybody: Anybody) -> None:
    source = "kept = []\nwhile True: kept.append(open('/dev/null'))"
    result = run(anybody, source + "", replace(LIMITS, open_files=100))
    assert (result["c1"].status, result["c1"].limit) == ("error", "files"), result["c1"]


def test_watchers_of_files(anybody: Anybody) -> None:
    """The system has 128 for a user, who outside may be the grader and other runs."""
    source = """
    import ctypes
    libc, count = ctypes.CDLL(None), 0
    while libc.inotify_init() >= 0:
        count += 1
    print(count)
    """
    assert run(anybody, source, LIMITS)["c1"].outputs[0]["text"] == "16\n"


def test_file_size(anybody: Anybody) -> None:
    source = "with open('big', 'wb') as f:\n    while True: f.write(bytes(1 << 20))"
    result = run(anybody, source, replace(LIMITS, file_bytes=10 * MIB))
    assert_survived(result, "file_size", "OSError")


DISK = """
import itertools
for number in itertools.count():
    with open(f"{folder}/{{number}}", "wb") as f:
        f.write(bytes(1 << 20))
"""


@pytest.mark.parametrize("folder", ["/tmp", "/tmp/work", "/dev/shm"])  # noqa: S108  # a run's
def test_disk(anybody: Anybody, folder: str) -> None:
    result = run(anybody, DISK.format(folder=folder), replace(LIMITS, disk_bytes=20 * MIB))
    assert_survived(result, "disk", "OSError")


def test_disk_is_one_for_all_folders(anybody: Anybody) -> None:
    source = "open('a', 'wb').write(bytes(12 << 20))\n"
    source += "open('/dev/shm/b', 'wb').write(bytes(12 << 20))"
    result = run(anybody, source, replace(LIMITS, disk_bytes=20 * MIB))
    assert_survived(result, "disk", "OSError")


def test_number_of_files_on_disk(anybody: Anybody) -> None:
    source = "import itertools\nfor n in itertools.count(): open(f'{n}', 'w').close()"
    result = run(anybody, source, replace(LIMITS, disk_bytes=4 * MIB))
    assert_survived(result, "disk", "OSError")


def test_output(anybody: Anybody) -> None:
    result = run(anybody, "while True: print('more')", replace(LIMITS, output_bytes=10_000))
    assert (result["c1"].status, result["c1"].limit) == ("output_limit", "output")
    assert result["c2"].status == "ok"


def test_a_crowd_is_served_last(anybody: Anybody) -> None:
    """Hundreds of busy processes of one run would leave its neighbours next to nothing."""
    source = """
    import os, time
    for _ in range(9 * os.cpu_count()):
        if (pid := os.fork()) == 0:
            os.setsid()  # the scheduler may share by sessions
            while True: pass
    deadline = time.monotonic() + 15
    while os.sched_getscheduler(pid) != os.SCHED_IDLE and time.monotonic() < deadline:
        time.sleep(0.1)
    print(os.sched_getscheduler(pid) == os.SCHED_IDLE, os.sched_getscheduler(0) == os.SCHED_IDLE)
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        print("for good")
    """
    result = run(anybody, source, LIMITS)
    assert result["c1"].outputs[0]["text"] == "True True\nfor good\n", result["c1"]


def test_few_busy_processes_are_no_crowd(anybody: Anybody) -> None:
    source = """
    import os, time
    for _ in range(3):
        if (pid := os.fork()) == 0:
            while True: pass
    time.sleep(0.6)
    print(os.sched_getscheduler(pid) == os.SCHED_OTHER)
    """
    assert run(anybody, source, LIMITS)["c1"].outputs[0]["text"] == "True\n"
