"""All checks and locked cells were deleted; only the right answers are there.

A student tidied up. What was deleted comes back where it was, and the answers earn their points.
"""

import json

EARNS = 10
REPORTED = False
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    content["cells"] = [
        cell for cell in content["cells"] if not cell["metadata"].get("nbgrader", {}).get("locked")
    ]
    return json.dumps(content).encode()
