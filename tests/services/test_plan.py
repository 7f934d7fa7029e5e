"""Plans as text and as a drawing."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from onsite.services.plan import Plan, read_plan

SAID = [
    {
        "Plan": {
            "Node Type": "Hash Join",
            "Join Type": "Left",
            "Hash Cond": "(o.customer = c.id)",
            "Total Cost": 120.5,
            "Plan Rows": 10,
            "Actual Rows": 8.0,
            "Actual Loops": 1,
            "Actual Total Time": 5.0,
            "Plans": [
                {
                    "Node Type": "Index Scan",
                    "Relation Name": "orders",
                    "Index Name": "by_customer",
                    "Total Cost": 20.0,
                    "Plan Rows": 4,
                    "Actual Rows": 2.0,
                    "Actual Loops": 2000,
                    "Actual Total Time": 0.002,
                },
                {
                    "Node Type": "Seq Scan",
                    "Relation Name": "<customers>",
                    "Total Cost": 1.0,
                    "Plan Rows": 3,
                    "Actual Rows": 0.0,
                    "Actual Loops": 0,
                    "Actual Total Time": 0.0,
                },
            ],
        },
        "Planning Time": 0.25,
    }
]


@pytest.fixture
def plan() -> Plan:
    return read_plan(SAID)


def test_times_count_every_loop(plan: Plan) -> None:
    (index,) = plan.find("Index")
    assert (plan.milliseconds, index.milliseconds) == (5.0, 4.0)
    assert plan.own_milliseconds == 1.0
    assert plan.details["Planning Time"] == 0.25
    assert [node.kind for node in plan.walk()] == ["Hash Join (Left)", "Index Scan", "Seq Scan"]


def test_as_text(plan: Plan) -> None:
    assert str(plan).splitlines() == [
        "Hash Join (Left): 8 rows, 10 expected, 5.00 ms",
        "    Hash Cond: (o.customer = c.id)",
        "  Index Scan on orders using by_customer: 2 rows x 2,000, 4 expected, 4.00 ms",
        "  Seq Scan on <customers>: never run, 3 rows expected",
    ]
    assert "&lt;customers&gt;" in plan._repr_html_()


def test_drawing_shows_long_labels_whole() -> None:
    """They once ended in an ellipsis, and the number of rows expected was lost."""
    index = "ticket_customer_id_opened_at_minutes_covering_index_of_last_year"
    many = {"Plan Rows": 1_000_000, "Actual Rows": 1_000_000.0, "Actual Loops": 25}
    node = {"Node Type": "Index Only Scan", "Relation Name": "ticket", "Index Name": index}
    (whole,) = SAID
    said = [{"Plan": {**whole["Plan"], **node, **many, "Join Type": "Inner", "Plans": []}}]
    mpl.use("agg")
    (box,) = read_plan(said).draw().texts
    kind, *target, rows, expected, took = box.get_text().splitlines()
    assert kind == "Index Only Scan"
    assert "".join(target) == f"ticket using {index}", "wrapped, and nothing is missing"
    assert max(map(len, target)) <= 30
    assert (rows, expected) == ("1,000,000 rows x 25", "(1,000,000 expected)")
    assert took == "125.00 ms itself"
    plt.close("all")


def test_one_row_is_not_one_rows() -> None:
    plan = read_plan([{"Plan": {**SAID[0]["Plan"], "Plan Rows": 1, "Actual Rows": 1.0}}])
    assert str(plan).startswith("Hash Join (Left): 1 row, 1 expected")
    mpl.use("agg")
    assert "1 row (1 expected)" in plan.draw().texts[0].get_text()
    plt.close("all")


def test_drawing_has_a_box_for_each_node_and_a_line_for_each_child(plan: Plan) -> None:
    mpl.use("agg")
    axes = plan.draw()
    assert [text.get_text().splitlines()[0] for text in axes.texts] == [
        "Hash Join (Left)",
        "Index Scan",
        "Seq Scan",
    ]
    assert len(axes.lines) == 2
    middles = [text.get_position() for text in axes.texts]
    ends = {tuple(end) for line in axes.lines for end in line.get_xydata()}
    assert ends == set(middles), "lines go from middle to middle, under the boxes"
    root, left, right = axes.texts
    assert left.get_position()[0] < root.get_position()[0] < right.get_position()[0]
    assert left.get_position()[1] == right.get_position()[1] < root.get_position()[1]
    warm, cool = (text.get_bbox_patch().get_facecolor() for text in (left, root))  # type: ignore[union-attr]
    assert warm[2] < cool[2], "what took most of the time is warmer"
    _, given = plt.subplots()
    assert plan.draw(given) is given
    plt.close("all")
