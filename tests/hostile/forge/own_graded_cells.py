"""Adds graded cells of its own, worth a thousand points each.

The extra cells have nbgrader's metadata in perfect form: a grade id, points, a checksum. One has
the id of a check that exists, and comes before it.
"""

import json

EARNS = 0
STOCK = "nbgrader drops ids that its gradebook does not know"


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    about = {"grade": True, "locked": True, "solution": False, "schema_version": 3, "task": False}
    for grade_id in ("bonus", "onsite-bonus"):
        content["cells"].insert(
            0,
            {
                "cell_type": "code",
                "id": f"mine-{grade_id}",
                "metadata": {"nbgrader": {**about, "grade_id": grade_id, "points": 1000}},
                "source": "1000",
                "outputs": [],
                "execution_count": None,
            },
        )
    return json.dumps(content).encode()
