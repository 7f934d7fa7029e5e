"""The one kind of error that a person is meant to read."""

from __future__ import annotations


class OnsiteError(Exception):
    """Something the user can mend.

    Its text is one clear sentence that names the file, line or option and the cure. The command
    line prints it without a traceback and exits with code 2.
    """


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends as a question does."""
    return text if text.endswith("?") else f"{text}."


def visible(text: str) -> str:
    """The text with escapes for what a terminal would obey, or show as something else.

    Names of files and what a submission says of itself may hold anything.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text
    )
