"""`%check`, `%hint` and `%solution`: what a learner types in a notebook."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from onsite.course.exercises import all_exercises, exercises_in
from onsite.course.layout import find_layout
from onsite.errors import OnsiteError
from onsite.study import panel
from onsite.study.catalogue import open_topics
from onsite.study.checking import run_checks
from onsite.study.progress import Progress, ProgressError, Standing

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from onsite.course.model import Cell, Exercise, Topic

NAMES = ("check", "hint", "solution")

_Magic = Callable[["OnsiteMagics", str], None]


def _one_argument(magic: _Magic) -> _Magic:
    """Give `magic` the exercise's id; show a list when there is none, a sentence for an error."""

    @wraps(magic)
    def shown(self: OnsiteMagics, line: str) -> None:
        exercise = line.strip().strip("\"'")
        try:
            if exercise:
                magic(self, exercise)
            else:
                self.overview()
        except OnsiteError as error:
            _show(panel.sentence(str(error)))

    return shown


@magics_class
class OnsiteMagics(Magics):
    """The learner's magics. They show what they have to say and return nothing."""

    def __init__(self, shell: InteractiveShell) -> None:
        """Serve `shell`."""
        super().__init__(shell)
        self._shell = shell
        # Also counted here, so that hints and solutions work when no progress can be kept.
        self._hints: Counter[str] = Counter()
        self._tried: set[str] = set()

    @line_magic
    @_one_argument
    def check(self, exercise: str) -> None:
        """`%check EXERCISE`: run all its checks, hidden ones too, and say what is right."""
        topic, found = _find(exercise)
        outcomes = run_checks(self._shell, topic, found)
        notes = []
        if all(outcome.verdict != "interrupted" for outcome in outcomes):
            self._tried.add(exercise)
            earned = sum(outcome.earned for outcome in outcomes)
            try:
                if person_present(self._shell):
                    Progress().record(exercise, topic.id, earned, found.points)
            except ProgressError as error:
                notes.append(f"Note: {error}")
        _show(panel.check_panel(exercise, outcomes, notes))

    @line_magic
    @_one_argument
    def hint(self, exercise: str) -> None:
        """`%hint EXERCISE`: one more hint at each call."""
        topic, found = _find(exercise)
        total = len(found.hints)
        seen, note = self._hints[exercise], ""
        try:
            seen = max(seen, Progress().see_hint(exercise, topic.id, total))
        except ProgressError as error:
            note = f"\n\nNote: {error}"
        self._hints[exercise] = min(seen + 1, total)
        # The last hint has been given before: show them all again.
        numbers = [seen] if seen < total else list(range(total))
        hints = "\n\n".join(
            f"**Hint {number + 1} of {total}.** {found.hints[number].cell.source.strip()}"
            for number in numbers
        )
        end = f"\n\nThat is all; `%solution {exercise}` shows the answer." if seen >= total else ""
        _show(panel.markdown(f"{hints}{end}{note}"))

    @line_magic
    @_one_argument
    def solution(self, exercise: str) -> None:
        """`%solution EXERCISE`: the solution and others, after a %check or when asked twice."""
        topic, found = _find(exercise)
        note = ""
        try:
            tried = Progress().standing(exercise).attempts > 0
        except ProgressError as error:
            tried, note = False, f"\n\nNote: {error}"
        if not tried and exercise not in self._tried:
            self._tried.add(exercise)
            raise OnsiteError(
                f"Try it first: `%check {exercise}` says how far you are. "
                f"To see the solution all the same, run `%solution {exercise}` once more."
            )
        try:
            Progress().see_solution(exercise, topic.id)
        except ProgressError as error:
            note = f"\n\nNote: {error}"
        parts = [f"**{exercise}: a solution**", _code(found.solution)]
        for other in found.alternatives:
            parts += [f"**Another way: {other.idea}**", _code(other.cell)]
        _show(panel.markdown("\n\n".join(parts) + note))

    def overview(self) -> None:
        """Show this notebook's exercises and how far each is."""
        layout = find_layout()
        standings, note = {}, ""
        try:
            standings = Progress().standings()
        except ProgressError as error:
            note = str(error)
        listed = [
            standings.get(exercise, Standing(exercise, path.stem))
            for path in open_topics(layout)
            for exercise in exercises_in(path)
        ]
        if not listed:
            raise OnsiteError("Name an exercise of the notebook you are in: %check EXERCISE.")
        _show(panel.exercise_list(listed))
        if note:
            _show(panel.sentence(f"Note: {note}"))


def person_present(shell: InteractiveShell) -> bool:
    """Whether somebody works in `shell`'s notebook.

    Student notebooks have %check cells, and papermill and graders execute them too; what they
    reach is not the learner's progress. A Jupyter server tells its kernels a session's name, VS
    Code a notebook's, and a terminal has a shell of its own.
    """
    return (
        "JPY_SESSION_NAME" in os.environ
        or "__vsc_ipynb_file__" in shell.user_ns
        or type(shell).__name__ == "TerminalInteractiveShell"
    )


def register(shell: InteractiveShell) -> None:
    """Add the magics to `shell`, and the exercise ids to its tab completion."""
    shell.register_magics(OnsiteMagics(shell))
    for name in NAMES:
        shell.set_hook("complete_command", _complete, str_key=f"%{name}")


def _complete(_shell: object, _event: object) -> list[str]:
    """The ids that can follow a magic: this notebook's, else the whole course's."""
    try:
        layout = find_layout()
        own = [exercise for path in open_topics(layout) for exercise in exercises_in(path)]
        return own or list(all_exercises(layout))
    except (OnsiteError, OSError):
        return []


def _find(exercise: str) -> tuple[Topic, Exercise]:
    # Imported here: jupytext takes a second to import, and loading the magics must not.
    from onsite.course.reader import find_topic

    topic = find_topic(find_layout(), exercise)
    return topic, next(found for found in topic.exercises if found.id == exercise)


def _code(cell: Cell) -> str:
    """A cell's code as a Markdown block, without nbgrader's solution markers."""
    lines = (
        line
        for line in cell.source.strip("\n").splitlines()
        if not line.strip().startswith(("### BEGIN SOLUTION", "### END SOLUTION"))
    )
    return "````python\n" + "\n".join(lines) + "\n````"


def _show(bundle: dict[str, str]) -> None:
    display(bundle, raw=True)
