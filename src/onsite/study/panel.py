"""How the magics look: the outcome of a check, and lists of exercises, as HTML and as plain text.

Styles are inline and colours come from JupyterLab's theme variables with fall-backs, so a panel
looks right in the light and the dark theme, in other front ends, and in a notebook opened later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from onsite.study.checking import Outcome, Place
from onsite.study.progress import Standing

GOOD = "var(--jp-success-color1, #2e7d32)"
BAD = "var(--jp-error-color1, #c62828)"
QUIET = "var(--jp-ui-font-color2, #6b7280)"
LINE = "var(--jp-border-color2, #c9ced6)"

MARKS = {"passed": "✓", "failed": "✗", "missing": "·", "interrupted": "·"}
COLOURS = {"passed": GOOD, "failed": BAD, "missing": QUIET, "interrupted": QUIET}
WORDS = {"passed": "passed", "failed": "failed", "missing": "not run", "interrupted": "stopped"}


def check_panel(
    exercise: str, outcomes: Sequence[Outcome], notes: Sequence[str] = ()
) -> dict[str, str]:
    """The result of one %check as a mime bundle."""
    earned = sum(outcome.earned for outcome in outcomes)
    possible = sum(outcome.check.points for outcome in outcomes)
    done = earned == possible
    # What is missing is missing for every check; it is said once.
    missing = dict.fromkeys(o.message for o in outcomes if o.verdict == "missing")
    lines = [*missing, *notes]
    if any(outcome.verdict == "interrupted" for outcome in outcomes):
        lines.append("Interrupted: what was not finished is not counted.")
    if done:
        lines.append("All checks pass.")

    colour = GOOD if done else BAD if any(o.verdict == "failed" for o in outcomes) else QUIET
    head = (
        '<div style="display:flex;gap:12px;align-items:baseline;flex-wrap:wrap">'
        f'<span style="font-weight:600;font-size:1.1em">{escape(exercise)}</span>'
        f'<span style="color:{colour};font-weight:600">{_points(earned)} of '
        f"{_points(possible)} points</span></div>"
    )
    said = "".join(f'<div style="margin-top:6px">{_inline(line)}</div>' for line in lines)
    rows = "".join(_row(outcome) for outcome in outcomes)
    html = (
        f'<div role="status" style="border:1px solid {LINE};border-left:4px solid {colour};'
        "border-radius:6px;padding:10px 14px;margin:4px 0;max-width:820px;"
        "font-family:var(--jp-ui-font-family, system-ui, sans-serif);font-size:14px;"
        f'line-height:1.5;text-align:left">{head}{said}'
        f'<div style="margin-top:8px">{rows}</div></div>'
    )
    text = [f"{exercise}: {_points(earned)} of {_points(possible)} points", *lines]
    text += [_text_row(outcome) for outcome in outcomes]
    return {"text/html": html, "text/plain": "\n".join(text)}


def exercise_list(standings: Sequence[Standing]) -> dict[str, str]:
    """The exercises of a notebook with their state, as a mime bundle."""
    cell = f'style="text-align:left;padding:4px 20px 4px 0;border-bottom:1px solid {LINE}"'
    rows = "".join(
        f"<tr><td {cell}><code>{escape(s.exercise)}</code></td><td {cell}>{_state(s)}</td></tr>"
        for s in standings
    )
    html = (
        '<table style="border-collapse:collapse;font-size:14px;margin:4px 0">'
        f"<tr><th {cell}>exercise</th><th {cell}>so far</th></tr>{rows}</table>"
    )
    width = max((len(s.exercise) for s in standings), default=0)
    text = "\n".join(f"{s.exercise:<{width}}  {_state(s)}" for s in standings)
    return {"text/html": html, "text/plain": text}


def markdown(text: str) -> dict[str, str]:
    """Markdown as a mime bundle; a terminal shows its source."""
    return {"text/markdown": text, "text/plain": text}


def sentence(text: str) -> dict[str, str]:
    """One sentence as a mime bundle."""
    html = (
        f'<div role="status" style="border-left:4px solid {LINE};padding:4px 12px;margin:4px 0;'
        f'font-size:14px;line-height:1.5;text-align:left">{_inline(text)}</div>'
    )
    return {"text/html": html, "text/plain": text}


def _row(outcome: Outcome) -> str:
    colour = COLOURS[outcome.verdict]
    points = f"{_points(outcome.earned)}/{_points(outcome.check.points)}"
    detail = ""
    if outcome.verdict == "failed":
        detail = (
            f'<div style="margin-top:2px;white-space:pre-wrap">{_inline(outcome.message)}</div>'
        )
        if outcome.place:
            detail += (
                f'<div style="color:{QUIET};margin-top:2px">{escape(_where(outcome.place))}'
                '<code style="display:block;width:fit-content;margin-top:2px">'
                f"{escape(outcome.place.code)}</code></div>"
            )
    return (
        f'<div style="display:flex;gap:10px;padding:6px 0;border-top:1px solid {LINE}">'
        f'<span aria-label="{WORDS[outcome.verdict]}" style="color:{colour};font-weight:700;'
        f'width:1em;flex:none">{MARKS[outcome.verdict]}</span>'
        f'<div style="flex:1;min-width:0"><div>{_inline(outcome.check.about)}</div>{detail}</div>'
        f'<span style="color:{QUIET};flex:none">{points}</span></div>'
    )


def _text_row(outcome: Outcome) -> str:
    points = f"{_points(outcome.earned)}/{_points(outcome.check.points)}"
    row = f"  {MARKS[outcome.verdict]} {outcome.check.about} ({points})"
    if outcome.verdict == "failed":
        row += f"\n      {outcome.message}"
        if outcome.place:
            row += f"\n      {_where(outcome.place)}: {outcome.place.code}"
    return row


def _where(place: Place) -> str:
    inside = f", in {place.function}" if place.function else ""
    return f"your {place.where}, line {place.line}{inside}"


def _state(standing: Standing) -> str:
    parts = []
    if standing.attempts:
        times = "1 try" if standing.attempts == 1 else f"{standing.attempts} tries"
        best = f"{_points(standing.best)} of {_points(standing.possible)} points"
        parts.append(f"{best} in {times}")
    else:
        parts.append("not tried yet")
    if standing.hints:
        parts.append("1 hint seen" if standing.hints == 1 else f"{standing.hints} hints seen")
    if standing.solution:
        parts.append("solution seen")
    return ", ".join(parts)


def _points(value: float) -> str:
    return f"{value:g}"


def _inline(text: str) -> str:
    """Escape `text` and show what is between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))
