"""One student's run, kept so that a person can look at it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from onsite.course.layout import Layout
from onsite.files import write_atomically
from onsite.grading.assignment import read_assignment
from onsite.grading.outcome import Grade
from onsite.grading.restore import SubmissionError, read_submission, restore
from onsite.grading.submission import Submission


def keep(layout: Layout, submission: Submission, grade: Grade) -> Path:
    """Write build/grade/MODULE/STUDENT/, in the place of what an earlier run left there.

    For each topic: TOPIC.submitted.ipynb as it was handed in, TOPIC.restored.ipynb as it was run,
    TOPIC.executed.ipynb with its outputs, and TOPIC.json with what each cell did.

    Returns:
        The folder.
    """
    folder = layout.build / "grade" / submission.module / submission.student
    shutil.rmtree(folder, ignore_errors=True)
    masters = read_assignment(layout, submission.module).masters
    for topic, data in submission.notebooks.items():
        write_atomically(folder / f"{topic}.submitted.ipynb", data)
        try:
            restored = restore(read_submission(data), masters[topic])
        except SubmissionError:
            continue
        write_atomically(folder / f"{topic}.restored.ipynb", restored.to_bytes())
    for graded in grade.topics:
        if graded.executed:
            write_atomically(folder / f"{graded.topic}.executed.ipynb", graded.executed)
        said = json.dumps(graded.account(), indent=2, ensure_ascii=False)
        write_atomically(folder / f"{graded.topic}.json", said.encode("utf-8", "replace"))
    return folder
