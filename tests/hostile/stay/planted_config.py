"""Hands in configuration files beside the notebook, and a receipt that says "graded".

nbgrader and Jupyter read configuration from the folder they work in. This course's grader leaves
a note beside graded notebooks; one that was handed in must not be taken for it.
"""

import json
from pathlib import Path

EARNS = 0
STOCK = "nbgrader reads configuration only where the command was started"


def make_files(folder: Path) -> None:
    evil = "import pathlib, os; pathlib.Path(os.environ['HOME'], 'hostile-config').touch()"
    for name in ("nbgrader_config.py", "ipython_config.py", "jupyter_config.py", "conftest.py"):
        (folder / name).write_text(evil)
    receipt = {"student": "stay-planted-config", "graded": True, "points": 10, "digest": "0" * 64}
    (folder / "onsite.json").write_text(json.dumps(receipt))
