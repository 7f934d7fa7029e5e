"""nbgrader as it comes, to compare with: our own configuration puts our grader into it."""

from __future__ import annotations

from pathlib import Path

CONFIG = """\
import os
import sys
from pathlib import Path

os.environ["PATH"] = os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", "")])
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.Execute.timeout = 300
"""


def use_stock_nbgrader(root: Path) -> None:
    """Give the course at `root` a configuration that only names its folders."""
    (root / "nbgrader_config.py").write_text(CONFIG)
