"""Hands in a module of the name that starts the kernel, beside the notebook.

nbgrader starts `python -m ipykernel_launcher` in the submission's folder, and -m looks there
first: the student's file is the kernel, before anything is restored or checked.
"""

from pathlib import Path

EARNS = 10
STOCK = "leaves"
SOLVED = ("receipt", "bucket", "deliver")

_LAUNCHER = """
import os
import pathlib
import sys

pathlib.Path(os.environ["HOME"], "hostile-launcher").write_text("hostile")
sys.path.pop(0)
from ipykernel import kernelapp
kernelapp.launch_new_instance()
"""


def make_files(folder: Path) -> None:
    for name in ("ipykernel_launcher", "sitecustomize", "usercustomize", "json", "onsite"):
        text = _LAUNCHER if name == "ipykernel_launcher" else "import os; hostile = True"
        (folder / f"{name}.py").write_text(text)
