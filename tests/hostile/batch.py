"""A batch of hostile submissions, graded in the arena: what came of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.hostile.arena import REPO, bubblewrap, run_enclosed
from tests.hostile.corpus import Attack
from tests.hostile.course import MODULE, build_course
from tests.hostile.watch import PLAIN_CONFIG, Student, Verdict

from onsite.course.layout import Layout


def prepare(root: Path) -> bytes:
    """The course that is attacked, built at `root` and known to its gradebook, as tar."""
    layout: Layout = build_course(root)
    config = root / "nbgrader_config.py"
    config.write_text(PLAIN_CONFIG.format(root=str(root)), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", MODULE, "--force"],
        cwd=layout.root,
        check=True,
        capture_output=True,
    )
    config.unlink()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(root, arcname=".")
    return data.getvalue()


def grade(course: bytes, grader: str, attacks: Iterable[Attack], seconds: float) -> Verdict:
    """Have `grader` grade these among honest ones, with `seconds` for all of them."""
    names = [attack.id for attack in attacks]
    ended = run_enclosed(
        [sys.executable, "-m", "tests.hostile.watch", grader, str(seconds), *names],
        stdin=course,
        seconds=seconds + 30,
        environment={
            "PATH": os.pathsep.join(
                [f"{sys.prefix}/bin", str(Path(bubblewrap()).parent), os.environ["PATH"]]
            ),
            "PYTHONPATH": os.pathsep.join([str(REPO / "src"), str(REPO)]),
            "HOME": "/tmp",  # noqa: S108 - inside the arena
        },
    )
    try:
        said = json.loads(ended.output)
    except ValueError:
        why = ended.killed or "the processes around the grader were killed"
        return Verdict(
            {name: Student() for name in names}, [], [why], ended.errors.decode(errors="replace")
        )
    students = {name: Student(**student) for name, student in said.pop("students").items()}
    return Verdict(students=students, **said)
