"""A second cell with the id of an answer, behind the right one and empty.

Which of the two counts is decided before anything runs: the first, so that the points stay.
"""

import copy
import json

EARNS = 10
REPORTED = False
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    (answer,) = (
        cell
        for cell in content["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "bucket"
    )
    second = copy.deepcopy(answer)
    second.update(source="", id="second")
    content["cells"].append(second)
    return json.dumps(content).encode()
