"""All cells in reverse order: each check comes before its answer.

The order is the student's own, as in nbgrader, so nothing is earned. It must neither stop the
batch nor count as infrastructure's fault for ever.
"""

import json

EARNS = 0
STOCK = "it earns nothing there either"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    content["cells"].reverse()
    return json.dumps(content).encode()
