"""Edits points, types and texts of the checks in the submitted file.

A student can open the notebook in an editor. Whatever it says about what is worth how many
points, what is locked, and which text a check has, must not be believed.
"""

import json

EARNS = 0
STOCK = "nbgrader overwrites cells from its gradebook, too"


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    for cell in content["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade"):
            cell["source"] = "2"
            about.update(points=1000, locked=False, solution=True, checksum="0" * 32)
    return json.dumps(content).encode()
