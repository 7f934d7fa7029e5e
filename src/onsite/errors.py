"""The one kind of error that a person is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class OnsiteError(Exception):
    """Something the user can mend.

    Its text is one clear sentence that names the file, line or option and the cure. The command
    line prints it without a traceback and exits with code 2.
    """


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends as a question does."""
    return text if text.endswith("?") else f"{text}."


def suggestion(name: str, known: Sequence[str]) -> str:
    """`; did you mean a or b?` for near names, `; there are a, b` otherwise; empty for none.

    What it is put behind becomes a sentence by `sentence`.
    """
    # Numbered names share half of their letters, so near is more than difflib's default.
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(known)}" if known else ""


def visible(text: str) -> str:
    """The text with escapes for what a terminal would obey, or show as something else.

    Names of files and what a submission says of itself may hold anything.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text
    )
