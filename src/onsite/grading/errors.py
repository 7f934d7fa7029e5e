"""What can go wrong that is no notebook's fault."""

from __future__ import annotations


class RunnerError(Exception):
    """The machinery broke, not the notebook: nothing can be said about the submission."""


class LostError(Exception):
    """The warm process, or what watched over a run, died under it; the text may say more."""


class KilledError(Exception):
    """Somebody killed a run: itself, a person, or the system, which was short of memory.

    Args:
        cell: the place of the code cell that was running.
    """

    def __init__(self, cell: int) -> None:
        super().__init__(cell)
        self.cell = cell
