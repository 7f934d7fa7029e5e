"""Every cell of a right notebook twice, as a slip with copy and paste makes it.

One duplicated cell stops nbgrader's whole batch. The first of two counts, and the points stay.
"""

import json

EARNS = 10
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    content["cells"] = [cell for cell in content["cells"] for _ in range(2)]
    return json.dumps(content).encode()
