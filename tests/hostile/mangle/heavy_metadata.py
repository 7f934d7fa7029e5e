"""A right notebook with 18 MB of empty lists in the metadata that graders read.

It is below any limit of size. Each of its six million lists becomes an object, is copied and
walked through, in the grader's own process, where no limit of a run holds.
"""

import json

EARNS = 10
STOCK = "nbgrader takes its time and keeps all of it"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "receipt":
            cell["metadata"]["onsite"] = {"role": "exercise", "name": "@"}
    lists = "[" + ",".join(["[]"] * 6_000_000) + "]"
    return json.dumps(content).replace('"@"', lists).encode()
