"""A right notebook whose nbgrader metadata has values of the wrong types, and odd extra keys.

grade_id is a list, or a number, or a path, in some extra cells; schema_version is a text, and 99.
The cells that source/ knows are put back as they were.
"""

import json

EARNS = 10
STOCK = "disturbs"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    for grade_id in ([1], {"x": 1}, 7, None, "../../etc/passwd", "x" * 5000, "receipt\u200b"):
        about = {"grade": "yes", "locked": 1, "points": "many", "schema_version": 99, "task": []}
        content["cells"].append(
            {
                "cell_type": "markdown",
                "metadata": {"nbgrader": {**about, "grade_id": grade_id}, "tags": {"a": 1}},
                "source": "x",
            }
        )
    for cell in content["cells"]:
        cell["metadata"].get("nbgrader", {})["schema_version"] = "three"
    return json.dumps(content).encode()
