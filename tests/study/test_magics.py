"""%check, %hint and %solution, in a real IPython shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.study.conftest import Notebook

from onsite.course.layout import Layout
from onsite.course.reader import find_topic
from onsite.study.progress import Progress

GOOD = """
class Quota:
    def __init__(self, limit):
        self.left = limit

    def take(self, n=1):
        if n > self.left:
            return False
        self.left -= n
        return True
"""
COUNTS_REFUSED = """
class Quota:
    def __init__(self, limit):
        self.left = limit

    def take(self, n=1):
        self.left -= n
        return self.left >= 0
"""
# Right in what can be seen, wrong in the hidden part.
FORGETS_LARGE = GOOD.replace("n > self.left", "n > self.left or n > 100")


def test_right_solution_passes_every_check(notebook: Notebook) -> None:
    notebook(GOOD)
    seen = notebook("%check quota")
    assert "5 of 5 points" in seen.text
    assert "All checks pass" in seen.html
    assert seen.stdout == ""  # what a check prints does not clutter


def test_wrong_solution_shows_the_message_of_the_check(notebook: Notebook) -> None:
    notebook(COUNTS_REFUSED)
    seen = notebook("%check quota")
    assert "2 of 5 points" in seen.text
    assert "after 4 of 5 units and a refused 3 there must be room for 1 more" in seen.text
    assert "✓ takes up to the limit" in seen.text
    assert "✗ does not count what was refused" in seen.text


def test_hidden_code_and_values_are_never_shown(notebook: Notebook) -> None:
    notebook(FORGETS_LARGE)
    seen = notebook("%check quota")
    assert "a large quota refused what it has" in seen.text
    for secret in ("4711", "secret_limit", "assert ", "Traceback", "HIDDEN"):
        assert secret not in seen.text + seen.html


def test_error_in_the_learners_code_names_cell_line_and_function(notebook: Notebook) -> None:
    notebook(GOOD.replace("        if n > self.left:\n", "        if n > self.lft:\n"))
    seen = notebook("%check quota")
    assert "your code raised AttributeError: 'Quota' object has no attribute 'lft'" in seen.text
    assert "your cell [1], line 6, in take" in seen.text
    assert "if n &gt; self.lft:" in seen.html


def test_a_helper_of_the_course_is_not_taken_for_the_learners_code(
    notebook: Notebook, layout: Layout
) -> None:
    topic = find_topic(layout, "quota")
    helper = next(cell.source for cell in topic.cells if "def short" in cell.source)
    notebook(helper)
    notebook(GOOD.replace("if n > self.left:", "if short(n) > self.left:"))
    text = notebook("%check quota").text
    assert "your code raised TypeError" in text
    assert "your cell [2], line 6, in take" in text


def test_wrong_kind_of_result_shows_no_value_of_the_check(notebook: Notebook) -> None:
    notebook("class Quota:\n    def __init__(self): pass")
    text = notebook("%check quota").text
    assert "what your code gave could not be used: TypeError" in text


def test_standard_error_costs_nothing_as_in_a_grade(notebook: Notebook) -> None:
    notebook("import sys")
    notebook(GOOD.replace("self.left = limit", "self.left = limit; print('hm', file=sys.stderr)"))
    text = notebook("%check quota").text
    assert "5 of 5 points" in text


def test_missing_name_says_which_cell_to_run(notebook: Notebook) -> None:
    assert "run the cell with quota first" in notebook("%check quota").text
    notebook("def both(first, second):\n    return asyncio.gather(first, second)")
    assert "`asyncio` is not there yet: run the cells above gate first" in (
        notebook("%check gate").text
    )


def test_stub_is_called_a_stub(notebook: Notebook) -> None:
    notebook("class Quota:\n    def __init__(self, limit):\n        raise NotImplementedError")
    seen = notebook("%check quota")
    assert seen.text.count("still the stub") == 1
    assert "0 of 5" in seen.text


@pytest.mark.parametrize("raised", ["SystemExit(3)", "MemoryError()", "RecursionError('deep')"])
def test_whatever_the_learner_raises_is_reported(notebook: Notebook, raised: str) -> None:
    notebook(f"class Quota:\n    def __init__(self, limit):\n        raise {raised}")
    assert f"your code raised {raised.split('(')[0]}" in notebook("%check quota").text


def test_error_in_a_group_is_named_with_its_own_line(notebook: Notebook) -> None:
    notebook(
        "class Quota:\n"
        "    def __init__(self, limit):\n"
        "        try:\n"
        "            self.left = lft\n"
        "        except NameError as error:\n"
        "            raise ExceptionGroup('unhandled errors', [error])"
    )
    text = notebook("%check quota").text
    assert "your code raised NameError: name 'lft' is not defined (in an ExceptionGroup)" in text
    assert "your cell [1], line 4, in __init__" in text


def test_stub_in_a_group_is_called_a_stub(notebook: Notebook) -> None:
    notebook(
        "class Quota:\n"
        "    def __init__(self, limit):\n"
        "        raise ExceptionGroup('unhandled errors', [NotImplementedError()])"
    )
    assert notebook("%check quota").text.count("still the stub") == 1


def test_exception_without_a_text_is_reported(notebook: Notebook) -> None:
    notebook(
        "class Bad(Exception):\n    def __str__(self): raise ValueError\n"
        "class Quota:\n    def __init__(self, limit): raise Bad"
    )
    assert "your code raised Bad" in notebook("%check quota").text


def test_top_level_await_works_while_a_loop_is_running(notebook: Notebook) -> None:
    notebook("import asyncio")
    notebook("async def both(a, b):\n    return tuple(await asyncio.gather(a, b))")
    # run_cell_magic inside a coroutine: IPython's own loop is running, as a kernel's is.
    seen = notebook("await asyncio.sleep(0)\nget_ipython().run_line_magic('check', 'gate')")
    assert "4 of 4 points" in seen.text
    notebook("async def both(a, b):\n    return (await a, await b)")
    assert "must start before" not in notebook("%check gate").text.split("✗")[0]
    assert "the second must start before the first ends" in notebook("%check gate").text


def test_namespace_is_left_as_it_was(notebook: Notebook) -> None:
    notebook(GOOD)
    notebook("quota = 'mine'")
    before = set(notebook.shell.user_ns)
    notebook("%check quota")
    assert notebook.shell.user_ns["quota"] == "mine"
    assert {n for n in set(notebook.shell.user_ns) - before if not n.startswith("_")} == set()


def test_interrupt_ends_the_run_and_counts_nothing(notebook: Notebook) -> None:
    notebook(
        GOOD.replace("        if n > self.left:", "        raise KeyboardInterrupt\n        if n:")
    )
    text = notebook("%check quota").text
    assert "Interrupted" in text
    assert Progress().standings() == {}


def test_interrupt_reaches_a_coroutine_that_computes(notebook: Notebook) -> None:
    notebook("import asyncio, os, signal, threading, time")
    notebook(
        "async def both(a, b):\n"
        "    a.close(), b.close()\n"
        "    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    while True: pass"
    )
    assert "Interrupted" in notebook("%check gate").text
    notebook("import threading; left = [t.name for t in threading.enumerate()]")
    assert "onsite-check" not in notebook.shell.user_ns["left"]


def test_figures_of_a_check_are_closed(notebook: Notebook) -> None:
    notebook("import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt")
    notebook("mine = plt.figure()")
    before = notebook.shell.user_ns["plt"].get_fignums()
    notebook(GOOD.replace("self.left = limit", "self.left = limit; plt.figure()"))
    notebook("%check quota")
    assert notebook.shell.user_ns["plt"].get_fignums() == before
    notebook("plt.close('all')")


def test_attempts_are_recorded(notebook: Notebook) -> None:
    notebook(COUNTS_REFUSED)
    notebook("%check quota")
    notebook(GOOD)
    notebook("%check quota")
    notebook(COUNTS_REFUSED)
    notebook("%check quota")
    standing = Progress().standing("quota")
    assert (standing.attempts, standing.best, standing.possible) == (3, 5, 5)
    assert standing.topic == "buckets"


def test_what_graders_and_papermill_run_is_no_progress(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME")
    notebook(GOOD)
    assert "5 of 5 points" in notebook("%check quota").text
    assert Progress().standings() == {}


def test_hints_come_one_at_a_time(notebook: Notebook) -> None:
    shown = [notebook("%hint quota").bundles[0]["text/markdown"] for _ in range(4)]
    assert [text.split("**")[1] for text in shown[:3]] == [f"Hint {n} of 3." for n in (1, 2, 3)]
    assert shown[0].count("Hint") == 1
    assert shown[3].count("Hint") == 3
    assert Progress().standing("quota").hints == 3


def test_solution_waits_for_a_try(notebook: Notebook) -> None:
    assert "%check quota" in notebook("%solution quota").text
    assert Progress().standing("quota").solution is False
    shown = notebook("%solution quota").bundles[0]["text/markdown"]
    assert "self.left -= n" in shown
    assert "counts up instead of down" in shown
    assert "SOLUTION" not in shown
    assert Progress().standing("quota").solution is True


def test_solution_comes_at_once_after_a_check(notebook: Notebook) -> None:
    notebook("%check gate")
    assert "asyncio.gather" in notebook("%solution gate").text


@pytest.mark.parametrize("magic", ["check", "hint", "solution"])
def test_unknown_exercise_is_one_sentence_with_near_names(notebook: Notebook, magic: str) -> None:
    text = notebook(f"%{magic} qouta").text
    assert "qouta" in text
    assert "did you mean quota" in text
    assert "\n" not in text


def test_without_argument_lists_the_notebooks_exercises(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Name an exercise" in notebook("%check").text
    monkeypatch.setenv(
        "JPY_SESSION_NAME", "work/01-throttles/buckets (new version 2026-01-02).ipynb"
    )
    notebook(GOOD)
    notebook("%check quota")
    lines = notebook("%check").text.splitlines()
    assert lines[0].split() == ["quota", "5", "of", "5", "points", "in", "1", "try"]
    assert lines[1].split() == ["gate", "not", "tried", "yet"]


def test_unwritable_progress_is_a_note_and_the_result_still_shows(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("ONSITE_DATA", str(blocked))
    notebook(GOOD)
    text = notebook("%check quota").text
    assert "5 of 5 points" in text
    assert "your progress cannot be kept" in text
    assert "Hint 1" in notebook("%hint quota").text
    assert "Hint 2" in notebook("%hint quota").text
    assert "self.left -= n" in notebook("%solution quota").text


def test_completion_offers_the_exercises(notebook: Notebook) -> None:
    _, matches = notebook.shell.complete("qu", "%check qu", 9)
    assert "quota" in matches


def test_without_a_course_the_magics_still_load(
    notebook: Notebook, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONSITE_ROOT", str(tmp_path))
    assert "set ONSITE_ROOT" in notebook("%check quota").text
