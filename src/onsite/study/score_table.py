"""The table that `onsite submit` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from onsite.study.submit import Score


def score_table(scores: Sequence[Score]) -> Table:
    """Points per exercise, what failed, and the totals; answers that a person grades are apart."""
    table = Table("topic", "exercise", show_footer=True)
    table.add_column("points", justify="right")
    table.add_column("of", justify="right")
    table.add_column("what failed", overflow="fold")
    automatic = [score for score in scores if not score.by_person]
    written = [score for score in scores if score.by_person]
    topic = ""
    for score in automatic:
        colour = "green" if score.earned >= score.possible else "red"
        table.add_row(
            "" if score.topic == topic else score.topic,
            score.name,
            f"[{colour}]{score.earned:g}[/]",
            f"{score.possible:g}",
            escape("\n".join(score.failed)),
        )
        topic = score.topic
    table.columns[1].footer = "total"
    table.columns[2].footer = f"{sum(score.earned for score in automatic):g}"
    table.columns[3].footer = f"{sum(score.possible for score in automatic):g}"
    if written:
        points = sum(score.possible for score in written)
        names = ", ".join(score.name for score in written)
        table.caption = f"{points:g} more points for what a person reads: {names}"
    return table
