from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from tests.grading.conftest import LIMITS
from tests.grading.notebooks import cell, notebook

from onsite.errors import OnsiteError
from onsite.grading.outputs import LONGEST_TEXT
from onsite.grading.result import CellResult, RunResult
from onsite.grading.runner import Runner, RunnerError

SHORT = replace(LIMITS, seconds_per_cell=3)


def texts(result: CellResult, name: str = "stdout") -> str:
    return "".join(
        output["text"]
        for output in result.outputs
        if output["output_type"] == "stream" and output["name"] == name
    )


def value(result: CellResult) -> str:
    """The text of the cell's last expression."""
    found = [o for o in result.outputs if o["output_type"] == "execute_result"]
    assert found, f"the cell has no value: {result}"
    return str(found[0]["data"]["text/plain"])


def statuses(result: RunResult) -> list[str]:
    return [cell.status for cell in result.cells]


def gone(pid: int) -> bool:
    """The process is dead (a corpse that init has not collected yet counts as dead)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not become true in 30 s")


# --- what a well-behaved notebook gives -------------------------------------------------------


def test_print_and_value(runner: Runner) -> None:
    result = runner.run(notebook("print('hello')\n6 * 7"))
    assert result.ending == "complete"
    assert texts(result["c0"]) == "hello\n"
    assert value(result["c0"]) == "42"


def test_stdout_and_stderr_keep_their_order(runner: Runner) -> None:
    result = runner.run(
        notebook("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c', end='')")
    )
    streams = [(o["name"], o["text"]) for o in result["c0"].outputs]
    assert streams == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c")]


def test_output_of_subprocesses_is_captured_in_their_cell(runner: Runner) -> None:
    result = runner.run(
        notebook(
            "import os\nos.system('echo out; echo err >&2');",
            "import subprocess\nsubprocess.run(['echo', 'second'], check=True);",
            "!echo third",
        )
    )
    assert (texts(result["c0"]), texts(result["c0"], "stderr")) == ("out\n", "err\n")
    assert texts(result["c1"]) == "second\n"
    assert "third" in texts(result["c2"])


def test_display_html_and_update(runner: Runner) -> None:
    result = runner.run(
        notebook(
            "from IPython.display import HTML, display\n"
            "handle = display(HTML('<b>one</b>'), display_id=True)",
            "handle.update(HTML('<b>two</b>'))",
        )
    )
    (shown,) = result["c0"].outputs
    assert shown["output_type"] == "display_data"
    executed = json.loads(result.notebook)
    assert executed["cells"][0]["outputs"][0]["data"]["text/html"] == "<b>two</b>"
    assert executed["cells"][1]["outputs"] == []


def test_clear_output(runner: Runner) -> None:
    result = runner.run(
        notebook("from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)")
    )
    assert texts(result["c0"]) == "2\n"


def test_figures_are_inline(runner: Runner) -> None:
    result = runner.run(notebook("from matplotlib import pyplot\npyplot.plot([1, 2]);"))
    (figure,) = result["c0"].outputs
    assert figure["output_type"] == "display_data"
    assert figure["data"]["image/png"].startswith("iVBOR"), "a PNG in base64 starts so"


def test_matplotlib_magic(runner: Runner) -> None:
    result = runner.run(
        notebook("%matplotlib inline\nfrom matplotlib import pyplot\npyplot.plot([1, 2]);")
    )
    assert [sorted(o["data"]) for o in result["c0"].outputs] == [["image/png", "text/plain"]]


def test_a_raising_cell_does_not_stop_the_run(runner: Runner) -> None:
    result = runner.run(notebook("x = 1", "raise KeyError('k')", "x"))
    assert statuses(result) == ["ok", "error", "ok"]
    failed = result["c1"]
    assert (failed.error_name, failed.error_message) == ("KeyError", "'k'")
    assert failed.traceback
    assert failed.outputs[-1]["ename"] == "KeyError"
    assert value(result["c2"]) == "1"


@pytest.mark.parametrize("source", ["def broken(:", "  x = 1\n y = 2", "x = 'open"])
def test_syntax_errors(runner: Runner, source: str) -> None:
    result = runner.run(notebook(source, "1"))
    assert statuses(result) == ["error", "ok"]
    assert result["c0"].error_name in ("SyntaxError", "IndentationError")


def test_system_exit_ends_only_its_cell(runner: Runner) -> None:
    assert statuses(runner.run(notebook("raise SystemExit", "1"))) == ["error", "ok"]


def test_an_exception_whose_text_is_broken(runner: Runner) -> None:
    source = """
    class Bad(Exception):
        def __str__(self):
            raise ValueError("no text")
    raise Bad
    """
    result = runner.run(notebook(textwrap.dedent(source), "1"))
    assert statuses(result) == ["error", "ok"]
    assert result["c0"].error_name == "Bad"


def test_top_level_await_and_background_tasks(runner: Runner) -> None:
    result = runner.run(
        notebook(
            "import asyncio\nseen = []\n"
            "async def work():\n    await asyncio.sleep(0)\n    seen.append(1)\n"
            "task = asyncio.create_task(work())",
            "await task\nseen",
        )
    )
    assert statuses(result) == ["ok", "ok"]
    assert value(result["c1"]) == "[1]"


def test_a_loop_is_running_as_in_a_real_kernel(runner: Runner) -> None:
    result = runner.run(notebook("import asyncio\nasyncio.run(asyncio.sleep(0))"))
    assert result["c0"].error_message == "asyncio.run() cannot be called from a running event loop"


def test_raises_exception_tag(runner: Runner) -> None:
    result = runner.run(notebook(cell("1 / 0", tags=["raises-exception"]), "1 / 0"))
    assert statuses(result) == ["ok", "error"]
    assert result["c0"].error_name == "ZeroDivisionError"
    assert result["c0"].outputs[0]["output_type"] == "error"


def test_the_course_extension_loads(runner: Runner) -> None:
    assert statuses(runner.run(notebook("%load_ext onsite"))) == ["ok"]


def test_input_has_nobody_to_ask(runner: Runner) -> None:
    assert runner.run(notebook("input('? ')"))["c0"].error_name == "StdinNotImplementedError"


def test_processes_and_threads_of_a_cell(runner: Runner) -> None:
    source = """
    import multiprocessing, threading
    def double(n): return 2 * n
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(double, [1, 2, 3]))
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start(); thread.join()
    """
    result = runner.run(notebook(textwrap.dedent(source)))
    assert texts(result["c0"]) == "[2, 4, 6]\nfrom a thread\n"


def test_the_executed_notebook_is_valid_and_numbered(runner: Runner) -> None:
    result = runner.run(notebook("print(1)", "2", "1 / 0", "import os; os._exit(1)", "3"))
    executed = nbformat.reads(result.notebook, as_version=4)
    nbformat.validate(executed)
    assert [cell.execution_count for cell in executed.cells] == [1, 2, 3, 4, None]
    assert executed.cells[1].outputs[0].execution_count == 2


def test_markdown_is_kept_and_source_lists_are_joined(runner: Runner) -> None:
    content = json.loads(notebook("1"))
    content["cells"][0]["source"] = ["x = 1\n", "x + 1"]
    content["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# T"})
    result = runner.run(json.dumps(content).encode())
    assert value(result["c0"]) == "2"
    assert result["c0"].index == 1
    assert json.loads(result.notebook)["cells"][0]["source"] == "# T"


def test_odd_values_in_outputs_do_no_harm(runner: Runner) -> None:
    source = r"""
    from IPython.display import display
    print("\ud800 alone")
    display({"application/json": {"n": float("nan")}, "text/plain": "p"}, raw=True)
    display({"text/plain": 5, "image/png": b"raw"}, raw=True)
    """
    result = runner.run(notebook(textwrap.dedent(source)))
    assert statuses(result) == ["ok"]
    executed = nbformat.reads(result.notebook, as_version=4)
    nbformat.validate(executed)
    assert executed.cells[0].outputs[0].text == "? alone\n"
    assert executed.cells[0].outputs[1].data["application/json"] == {"n": None}
    assert executed.cells[0].outputs[2].data["image/png"] == "cmF3"


# --- where a run lives ------------------------------------------------------------------------


def test_each_run_has_a_private_folder_that_goes(bare: Runner) -> None:
    result = bare.run(
        notebook(
            "import os, tempfile\nopen('file', 'w').write('x');",
            "print(os.getcwd(), os.environ['HOME'], os.environ['IPYTHONDIR'], "
            "tempfile.gettempdir(), sep='\\n')",
            "get_ipython().history_manager.enabled",
        )
    )
    places = texts(result["c1"]).split()
    assert len(places) == 4
    roots = {Path(*Path(place).parts[: Path(places[0]).parts.__len__() - 1]) for place in places}
    assert len(roots) == 1, "cwd, HOME, IPYTHONDIR and the temporary folder are in one place"
    assert not roots.pop().exists()
    assert value(result["c2"]) == "False"
    assert value(bare.run(notebook("import os; os.path.exists('file')"))["c0"]) == "False"


def test_runs_share_nothing(runner: Runner) -> None:
    runner.run(notebook("import math; math.pi = 3; x = 1"))
    result = runner.run(notebook("import math; math.pi > 3.1", "x"))
    assert value(result["c0"]) == "True"
    assert result["c1"].error_name == "NameError"


@pytest.mark.slow
def test_seeds() -> None:
    source = "import random, numpy\n(random.random(), float(numpy.random.rand()), hash('onsite'))"
    seen = []
    for seed, hash_seed in ((1, 1), (1, 1), (2, 1), (1, 2)):
        with Runner(
            limits=LIMITS, seed=seed, hash_seed=hash_seed, optional=["numpy.random"]
        ) as one:
            seen.append(eval(value(one.run(notebook(source))["c0"])))  # noqa: S307
    first, same, other_seed, other_hash = seen
    assert first == same
    assert first[2] == other_seed[2]
    assert first[0] != other_seed[0]
    assert first[1] != other_seed[1]
    assert first[:2] == other_hash[:2]
    assert first[2] != other_hash[2]


@pytest.mark.slow
def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    source = "import os\n(os.environ.get('EXTRA'), os.environ.get('SECRET_TOKEN'))"
    with Runner(limits=LIMITS, environment={"EXTRA": "yes"}) as one:
        assert value(one.run(notebook(source))["c0"]) == "('yes', None)"


def test_many_threads_may_run_at_once(runner: Runner) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: runner.run(notebook(f"{n} * 2")), range(24)))
    assert [value(result["c0"]) for result in results] == [str(2 * n) for n in range(24)]


def test_stop(runner: Runner) -> None:
    result = runner.run(notebook("1", "1 / 0", "3"), stop=lambda cell: cell.status == "error")
    assert result.ending == "stopped"
    assert statuses(result) == ["ok", "error", "not_run"]


def test_atexit_handlers_run(bare: Runner, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = f"import atexit, pathlib\natexit.register(pathlib.Path({str(mark)!r}).touch)"
    bare.run(notebook(source))
    assert mark.exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b'{"nbformat": 3, "cells": []}', b'{"nbformat": 4, "cells": [1]}',
     b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_notebook(runner: Runner, data: bytes) -> None:
    with pytest.raises(OnsiteError, match="not a notebook of nbformat 4"):
        runner.run(data)


# --- limits -----------------------------------------------------------------------------------


def test_an_endless_cell_is_interrupted_and_the_run_goes_on(runner: Runner) -> None:
    result = runner.run(notebook("x = 1", "while True: pass", "x"), limits=SHORT)
    assert statuses(result) == ["ok", "timeout", "ok"]
    assert result["c1"].error_name == "CellTimeoutError"
    assert result["c1"].outputs[-1]["output_type"] == "error"
    assert result.ending == "complete"


def test_an_endless_await_is_interrupted(runner: Runner) -> None:
    result = runner.run(notebook("import asyncio", "await asyncio.sleep(1000)", "1"), limits=SHORT)
    assert statuses(result) == ["ok", "timeout", "ok"]


@pytest.mark.slow
def test_a_cell_that_heeds_no_interrupt_is_killed(runner: Runner) -> None:
    source = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    result = runner.run(notebook("1", source, "1"), limits=SHORT)
    assert statuses(result) == ["ok", "timeout", "not_run"]
    assert result.ending == "timeout"


def test_the_whole_notebook_has_a_limit(runner: Runner) -> None:
    limits = replace(LIMITS, seconds=3)
    result = runner.run(notebook("1", "import time; time.sleep(100)", "1"), limits=limits)
    assert statuses(result) == ["ok", "timeout", "not_run"]
    assert result.ending == "timeout"


@pytest.mark.parametrize(
    "source",
    [
        "while True: print('x' * 1000)",
        "import os\nwhile True: os.write(1, b'x' * 1000)",
        "import os\nos.system('yes')",
        "print('x' * 50_000_000)",
        "from IPython.display import display\nwhile True: display('x' * 1000)",
        "from IPython.display import display\ndisplay('x' * 50_000_000)",
    ],
)
def test_a_flood_of_output_stops_at_the_limit(runner: Runner, source: str) -> None:
    limits = replace(LIMITS, output_bytes=100_000)
    result = runner.run(notebook("1", source), limits=limits)
    assert statuses(result) == ["ok", "output_limit"]
    assert result["c1"].error_name == "OutputLimitError"
    assert len(result.notebook) < 200_000


def test_all_cells_together_have_a_limit_too(runner: Runner) -> None:
    limits = replace(LIMITS, output_bytes=100_000, notebook_bytes=250_000)
    result = runner.run(notebook(*["print('x' * 90_000)"] * 5, "1 / 0", "x = 1"), limits=limits)
    assert statuses(result) == ["ok"] * 2 + ["output_limit"] * 3 + ["error", "ok"]
    assert len(result.notebook) < 300_000


def test_a_long_error_in_a_check_is_cut(runner: Runner) -> None:
    data = notebook("def f():\n    raise ValueError('x' * 10_000_000)", "assert f() == 1")
    result = runner.run(data, roles={1: "check"}, exercises=frozenset("f"))
    assert result["c1"].error_name == "ValueError"
    assert len(result["c1"].error_message) == LONGEST_TEXT
    assert len(result.notebook) < 2 * LONGEST_TEXT


def test_a_flood_of_messages_that_show_nothing_holds_nobody_up(runner: Runner) -> None:
    flood = """
        import os, struct, threading

        channel = get_ipython().emit._channel
        message = b'{"type": "clear_output", "wait": true}'
        many = (struct.pack(">I", len(message)) + message) * 10_000

        def send():
            while True:
                left = memoryview(many)
                while left:
                    left = left[os.write(channel.fileno(), left):]

        threading.Thread(target=send, daemon=True).start()
        """
    limits = replace(LIMITS, seconds_per_cell=5, seconds=10)
    started = time.monotonic()
    result = runner.run(notebook(textwrap.dedent(flood), "1"), limits=limits)
    assert result["c0"].status == "ok"
    assert time.monotonic() - started < 15


def test_after_a_flood_the_next_cells_have_their_turn(runner: Runner) -> None:
    limits = replace(LIMITS, output_bytes=10_000)
    result = runner.run(notebook("x = 1", "while True: print('more')", "x"), limits=limits)
    assert statuses(result) == ["ok", "output_limit", "ok"]


def test_memory(runner: Runner) -> None:
    limits = replace(LIMITS, memory_bytes=200 << 20)
    result = runner.run(notebook("big = bytearray(400 << 20)", "1"), limits=limits)
    assert [c.error_name for c in result.cells] == ["MemoryError", ""]
    assert statuses(runner.run(notebook("big = bytearray(100 << 20)"), limits=limits)) == ["ok"]


# --- what a hostile notebook cannot do --------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "import os; os._exit(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal; os.killpg(0, signal.SIGKILL)",
        "import os; os.closerange(0, 256)",
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'garbage!' * 64)\n"
        "    except OSError: pass\nimport time; time.sleep(100)",
        "import ctypes; ctypes.string_at(0)",
    ],
)
def test_dying_keeps_what_was_earned_before(runner: Runner, source: str) -> None:
    result = runner.run(notebook("print('earned')", source, "1"))
    assert statuses(result) == ["ok", "killed", "not_run"]
    assert texts(result["c0"]) == "earned\n"
    assert result.ending == "killed"
    assert statuses(runner.run(notebook("1"))) == ["ok"]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type": "done"',
        b"[1]",
        b'{"type": "stream", "name": "elsewhere", "text": ""}',
        b'{"type": "display_data", "data": 5}',
        b'{"type": "nonsense", "data": {}, "metadata": {}}',
        b"[" * 50_000,
    ],
)
def test_malformed_messages_end_only_their_run(runner: Runner, frame: bytes) -> None:
    source = f"""
    import os, struct, time
    frame = {frame!r}
    for descriptor in range(3, 50):
        try:
            os.write(descriptor, struct.pack(">I", len(frame)) + frame)
        except OSError:
            pass
    time.sleep(100)
    """
    result = runner.run(notebook(textwrap.dedent(source), "1"))
    assert statuses(result) == ["killed", "not_run"]
    assert statuses(runner.run(notebook("1"))) == ["ok"]


@pytest.mark.slow
def test_killing_the_warm_process_hurts_only_the_killer(bare: Runner) -> None:
    wait = notebook("import time; time.sleep(1)", "'innocent'")
    kill = notebook("'before'", "import os, time; os.kill(os.getppid(), 9); time.sleep(100)", "1")
    with ThreadPoolExecutor(2) as pool:
        innocent = pool.submit(bare.run, wait)
        time.sleep(0.3)
        killer = pool.submit(bare.run, kill)
    assert statuses(killer.result()) == ["ok", "killed", "not_run"]
    assert statuses(innocent.result()) == ["ok", "ok"]
    assert value(innocent.result()["c1"]) == "'innocent'"


def test_a_fork_that_comes_back_is_no_second_run(runner: Runner) -> None:
    result = runner.run(notebook("import os\npid = os.fork()\nprint('once or twice')", "'next'"))
    assert statuses(result) == ["ok", "ok"]
    assert texts(result["c0"]).count("once or twice") in (1, 2)
    assert value(result["c1"]) == "'next'"


def test_a_fork_bomb_ends_with_its_run(runner: Runner) -> None:
    mark = f"onsite-bomb-{os.getpid()}"
    source = f"""
    import os, time
    for _ in range(4):
        os.fork()
    os.execvp("sleep", ["{mark}", "1000"]) if os.getpid() != os.getpgid(0) else time.sleep(100)
    """
    result = runner.run(notebook(textwrap.dedent(source)), limits=SHORT)
    assert result["c0"].status == "timeout"
    alive = [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert alive == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of orphans that left")
@pytest.mark.parametrize("ending", ["1", "os._exit(1)", "time.sleep(1000)"])
def test_a_daemon_does_not_outlive_its_run(bare: Runner, ending: str) -> None:
    # The daemon tells its pid through a pipe, because it has left the session and the group.
    source = """
    import os, time
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            os.closerange(0, 256)
            time.sleep(1000)
        os._exit(0)
    print(os.read(read, 20).decode())
    """
    result = bare.run(notebook(textwrap.dedent(source), ending), limits=SHORT)
    assert gone(int(texts(result["c0"])))


@pytest.mark.slow
def test_a_hung_exit_handler_is_killed(bare: Runner) -> None:
    source = "import atexit, os, time\natexit.register(time.sleep, 1000)\nprint(os.getpid())"
    result = bare.run(notebook(source))
    assert result.ending == "complete"
    assert gone(int(texts(result["c0"])))


@pytest.mark.slow
def test_closing_leaves_nothing() -> None:
    with Runner(limits=LIMITS) as one:
        result = one.run(notebook("import os\nprint(os.getpid(), os.getppid(), os.getcwd())"))
        pid, zygote, folder = texts(result["c0"]).split()
        assert gone(int(pid))
        assert not gone(int(zygote))
    assert gone(int(zygote))
    assert not Path(folder).parents[1].exists()
    with pytest.raises(RunnerError, match="closed"):
        one.run(notebook("1"))


@pytest.mark.slow
def test_closing_ends_runs_under_way() -> None:
    with ThreadPoolExecutor(1) as pool:
        with Runner(limits=LIMITS) as one:
            one.run(notebook("1"))
            running = pool.submit(one.run, notebook("import time; time.sleep(1000)"))
            while not any(
                "sleep" in str(p.status())
                for p in psutil.Process(one._zygote._process.pid).children()  # type: ignore[union-attr]
            ):
                time.sleep(0.01)
        with pytest.raises(RunnerError, match="closed during the run"):
            running.result()


@pytest.mark.slow
def test_nothing_outlives_a_killed_owner(tmp_path: Path) -> None:
    told = tmp_path / "told"
    cells = (
        f"import os, subprocess, time\nchild = subprocess.Popen(['sleep', '1000'], "
        f"start_new_session=True)\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} "
        f"{{child.pid}} {{os.getcwd()}}')\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(told)!r})\ntime.sleep(1000)"
    )
    program = f"from onsite.grading.runner import Runner\nRunner().run({notebook(cells)!r})"
    owner = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(told.exists)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    *pids, folder = told.read_text().split()
    for pid in pids:
        wait_until(lambda pid=pid: gone(int(pid)))
    wait_until(lambda: not Path(folder).parents[1].exists())


def test_a_start_that_fails_says_why() -> None:
    nowhere = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}
    with (
        Runner(environment=nowhere) as one,
        pytest.raises(RunnerError, match=r"did not start: ."),
    ):
        one.run(notebook("1"))


def test_results_are_found_by_id(runner: Runner) -> None:
    result = runner.run(notebook("1"))
    assert result["c0"] is result.cells[0]
    with pytest.raises(KeyError):
        result["c9"]
    content: dict[str, Any] = json.loads(notebook("1"))
    del content["cells"][0]["id"]
    assert runner.run(json.dumps(content).encode()).cells[0].id == "cell-0"
