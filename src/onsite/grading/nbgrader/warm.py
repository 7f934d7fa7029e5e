"""One warm Grader for a whole process of nbgrader or of JupyterLab with formgrader in it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import blake2b

from onsite.errors import OnsiteError
from onsite.grading.grader import Grader
from onsite.grading.sandbox import Sandbox, find


class _Warm:
    """The Grader there is, and what it was made for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._made_for: object = None
        self._grader: Grader | None = None

    def grader(self, assignment: bytes, trust: bool, warn: Callable[[str], object]) -> Grader:
        wanted = (blake2b(assignment).digest(), trust)
        if self._grader is None or self._made_for != wanted:
            self.close()
            made = Grader(assignment, sandbox=_sandbox(trust, warn))
            self._grader, self._made_for = self._stack.enter_context(made), wanted
        return self._grader

    def close(self) -> None:
        self._stack.close()
        self._grader = self._made_for = None


_warm = _Warm()
atexit.register(_warm.close)


def warm_grader(assignment: bytes, trust: bool, warn: Callable[[str], object]) -> Grader:
    """The Grader of an assignment; a new one when the last one was another assignment's.

    Args:
        assignment: from `assignment_bytes`.
        trust: run without a sandbox where none can be had.
        warn: is told when that happens.

    Raises:
        OnsiteError: no sandbox can be had.
    """
    return _warm.grader(assignment, trust, warn)


def _sandbox(trust: bool, warn: Callable[[str], object]) -> Sandbox | None:
    try:
        return find()
    except OnsiteError as refusal:
        if not trust:
            raise OnsiteError(
                f"{refusal} Or set c.SubmissionExporter.trust = True in nbgrader_config.py if you "
                "trust every submission: they then run as you, with all that you may do."
            ) from None
        warn(f"{refusal} SubmissionExporter.trust is set: submissions run as you, unfenced.")
        return None
