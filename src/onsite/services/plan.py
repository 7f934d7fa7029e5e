"""What EXPLAIN says, as a tree of `Plan` that prints itself and can be drawn."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "Sort Key",
    "Group Key",
)
_FAST, _SLOW = "#e8eef4", "#e07b39"
_BOX_WIDTH = 30
"""How many characters a line in a box of the drawing has at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One node of a plan, with the nodes that it reads from."""

    kind: str
    """What it does, such as Seq Scan or Hash Join."""
    target: str
    """The table and index it works on; empty for others."""
    conditions: tuple[str, ...]
    """Such as `Filter: (total > 100)`."""
    estimated_rows: int
    """How many rows the planner expected each time."""
    rows: float | None
    """How many rows it gave each time, on average; None when the query was not run."""
    loops: int
    """How many times it was run; 0 when never."""
    cost: float
    """The planner's cost, in its own unit, of this node and those below."""
    milliseconds: float | None
    """How long it took in all, with the nodes below; None when the query was not run."""
    children: tuple[Plan, ...]
    details: Mapping[str, Any]
    """All that the server says, by its own names."""

    @property
    def own_milliseconds(self) -> float | None:
        """How long it took without the nodes below."""
        if self.milliseconds is None:
            return None
        below = sum(child.milliseconds or 0.0 for child in self.children)
        return max(self.milliseconds - below, 0.0)

    def walk(self) -> Iterator[Plan]:
        """This node and all below, the root first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, kind: str) -> tuple[Plan, ...]:
        """All nodes whose kind contains `kind`, such as "Scan"."""
        return tuple(node for node in self.walk() if kind in node.kind)

    def draw(self, axes: Axes | None = None) -> Axes:
        """Draw the tree, the root on top; the warmer a box, the more of the time it took itself.

        Args:
            axes: where; a new figure of fitting size otherwise.
        """
        return _draw(self, axes)

    def __str__(self) -> str:
        """The tree as indented lines."""
        return "\n".join(_lines(self, 0))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def read_plan(said: Sequence[Mapping[str, Any]]) -> Plan:
    """Read what `EXPLAIN (FORMAT JSON)` gives.

    The root's `details` also have what is said of the query as a whole, such as Planning Time.
    """
    (whole,) = said
    about = {key: value for key, value in whole.items() if key != "Plan"}
    return _node({**whole["Plan"], **about})


def _node(said: Mapping[str, Any]) -> Plan:
    loops = int(said.get("Actual Loops", 0))
    time = said.get("Actual Total Time")
    index = f" using {said['Index Name']}" if "Index Name" in said else ""
    join = said.get("Join Type", "Inner")
    kind = said["Node Type"]
    if join != "Inner":
        kind = f"{kind} ({join})"
    return Plan(
        kind=kind,
        target=f"{said.get('Relation Name', '')}{index}".strip(),
        conditions=tuple(f"{key}: {_words(said[key])}" for key in _CONDITIONS if key in said),
        estimated_rows=int(said["Plan Rows"]),
        rows=said.get("Actual Rows"),
        loops=loops,
        cost=float(said["Total Cost"]),
        milliseconds=None if time is None else float(time) * loops,
        children=tuple(map(_node, said.get("Plans", ()))),
        details={key: value for key, value in said.items() if key != "Plans"},
    )


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _measures(node: Plan) -> str:
    if node.rows is None:
        return f"{_rows(node.estimated_rows)} expected, cost {node.cost:,.0f}"
    if not node.loops:
        return f"never run, {_rows(node.estimated_rows)} expected"
    times = f" x {node.loops:,}" if node.loops > 1 else ""
    took = f", {node.milliseconds:,.2f} ms" if node.milliseconds is not None else ""
    return f"{_rows(node.rows)}{times}, {node.estimated_rows:,} expected{took}"


def _rows(count: float) -> str:
    number = f"{count:,.0f}"
    return f"{number} row" if number == "1" else f"{number} rows"


def _lines(node: Plan, depth: int) -> Iterator[str]:
    indent = "  " * depth
    target = f" on {node.target}" if node.target else ""
    yield f"{indent}{node.kind}{target}: {_measures(node)}"
    for condition in node.conditions:
        yield f"{indent}    {condition}"
    for child in node.children:
        yield from _lines(child, depth + 1)


# --- drawing ---


def _places(plan: Plan) -> dict[int, tuple[float, int]]:
    """Where each node goes, by its id(): leaves side by side, the others above their middle."""
    places: dict[int, tuple[float, int]] = {}
    leaves = 0

    def put(node: Plan, depth: int) -> float:
        nonlocal leaves
        if node.children:
            found = [put(child, depth + 1) for child in node.children]
            across = (found[0] + found[-1]) / 2
        else:
            across = float(leaves)
            leaves += 1
        places[id(node)] = (across, depth)
        return across

    put(plan, 0)
    return places


def _draw(plan: Plan, axes: Axes | None) -> Axes:
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    places = _places(plan)
    width = 1 + max(across for across, _ in places.values())
    depth = 1 + max(down for _, down in places.values())
    if axes is None:
        _, axes = plt.subplots(figsize=(max(2.9 * width, 4.5), 1.15 * depth + 0.2))
    colours = LinearSegmentedColormap.from_list("own time", [_FAST, _SLOW])
    whole = plan.milliseconds or 0.0
    for node in plan.walk():
        across, down = places[id(node)]
        for child in node.children:
            to, below = places[id(child)]
            # From middle to middle: the boxes lie above the lines, so that no gap is left.
            axes.plot([across, to], [-down, -below], color="#7a8794", linewidth=1)
        share = (node.own_milliseconds or 0.0) / whole if whole else 0.0
        axes.text(
            across,
            -down,
            _label(node),
            ha="center",
            va="center",
            fontsize=8,
            color="#1d2731",
            bbox={
                "boxstyle": "round,pad=0.4",
                "facecolor": colours(share),
                "edgecolor": "#7a8794",
                "linewidth": 0.8,
            },
        )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(-depth + 0.5, 0.5)
    axes.set_axis_off()
    return axes


def _label(node: Plan) -> str:
    """What stands in a node's box. Long lines are wrapped: nothing is cut off."""
    lines = [node.kind, node.target.replace("using ", _kept("using "))]
    if node.rows is None:
        lines.append(f"{_rows(node.estimated_rows)} expected")
    elif node.loops:
        times = f" x {node.loops:,}" if node.loops > 1 else ""
        expected = _kept(f"({node.estimated_rows:,} expected)")
        lines.append(f"{_kept(_rows(node.rows) + times)} {expected}")
        if node.own_milliseconds is not None:
            lines.append(f"{node.own_milliseconds:,.2f} ms itself")
    else:
        lines.append("never run")
    wrapped = [part for line in lines for part in textwrap.wrap(line, _BOX_WIDTH)]
    return "\n".join(wrapped).replace("\xa0", " ")


def _kept(words: str) -> str:
    """The words with spaces at which textwrap breaks no line."""
    return words.replace(" ", "\xa0")
