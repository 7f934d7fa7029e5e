"""`%load_ext onsite` where there is nobody: papermill, a bare interpreter, no course."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import nbformat
import papermill
import pytest
from tests.study.conftest import Notebook


def test_house_style_is_applied(notebook: Notebook) -> None:
    assert mpl.rcParams["figure.figsize"] == [7.5, 3.6]
    assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["figure.constrained_layout.use"] is True


def test_a_chart_is_small(notebook: Notebook, tmp_path: Path) -> None:
    target = tmp_path / "chart.png"
    notebook("import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt")
    notebook(
        "figure, axes = plt.subplots()\n"
        "axes.plot(range(200), [n ** 1.5 for n in range(200)], label='one')\n"
        "axes.plot(range(200), [n * 9 for n in range(200)], label='two')\n"
        "axes.set(title='Growth', xlabel='items', ylabel='time (ms)'); axes.legend()\n"
        f"figure.savefig({str(target)!r}); plt.close(figure)"
    )
    assert target.stat().st_size < 40_000


def test_loading_needs_neither_course_nor_kernel_nor_slow_imports(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_line_magic('load_ext', 'onsite')\n"
        "slow = {'jupytext', 'nbformat', 'nbgrader', 'matplotlib.pyplot', 'pandas'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    environment = {
        "ONSITE_ROOT": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_papermill_runs_a_notebook_with_the_magics(notebook: Notebook, tmp_path: Path) -> None:
    cells = ["%load_ext onsite", "class Quota:\n    pass", "%check quota"]
    document = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    source, target = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    nbformat.write(document, source)
    papermill.execute_notebook(str(source), str(target), progress_bar=False)
    (output,) = nbformat.read(target, as_version=4).cells[-1].outputs
    assert "0 of 5 points" in output.data["text/plain"]
