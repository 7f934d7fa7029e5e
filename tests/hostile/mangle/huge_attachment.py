"""A right notebook with a picture of 30 MB attached to a Markdown cell.

It is more than any homework needs and is refused before it is parsed, with a sentence, so that
the student can hand in again. Others are graded.
"""

import json

EARNS = None
STOCK = "nbgrader takes its time and keeps all of it"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "markdown")
    cell["attachments"] = {"a.png": {"image/png": "A" * (30 << 20)}}
    return json.dumps(content).encode()
