"""What can go wrong that is no notebook's fault."""

from __future__ import annotations


class RunnerError(Exception):
    """The machinery broke, not the notebook: nothing can be said about the submission."""


class LostError(Exception):
    """The warm process died under a run."""
