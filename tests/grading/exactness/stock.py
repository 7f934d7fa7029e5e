"""Stock nbgrader, with nothing of ours in it: started as a program, so that it has its own world.

python stock.py COURSE generate MODULE
python stock.py COURSE autograde MODULE STUDENT ...     prints {student: why it failed}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from onsite.course.layout import Layout


def generate(layout: Layout, module: str) -> None:
    """`nbgrader generate_assignment MODULE`."""
    _run(layout, "generate", module)


def autograde(layout: Layout, module: str, students: Sequence[str]) -> dict[str, str]:
    """`nbgrader autograde MODULE --student STUDENT --force` for each; why some failed."""
    failed: dict[str, str] = json.loads(_run(layout, "autograde", module, *students))
    return failed


def _run(layout: Layout, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, __file__, layout.root, *arguments],
        stdout=subprocess.PIPE,
        cwd=layout.root,
        env={**os.environ, "IPYTHONDIR": str(layout.root / ".ipython")},
        text=True,
        check=True,
    )
    return done.stdout


def _main(course: str, command: str, module: str, *students: str) -> None:
    warnings.simplefilter("ignore")
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=course).load_config()
    api = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)
    if command == "generate":
        result = api.generate_assignment(module, force=True)
        if not result["success"]:
            raise SystemExit(result["log"] + result["error"])
        return
    failed = {}
    for number, student in enumerate(students):
        result = api.autograde(module, student, force=True, create=True)
        if not result["success"]:
            # The one failure of a submission after which nbgrader does not go on to the next one.
            batch = "old version" in result["log"]
            failed[student] = "the whole batch" if batch else "this submission"
        print(f"{module}: {number + 1} of {len(students)}", file=sys.stderr, flush=True)
    print(json.dumps(failed))


if __name__ == "__main__":
    _main(str(Path(sys.argv[1]).resolve()), *sys.argv[2:])
