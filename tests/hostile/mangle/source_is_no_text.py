"""A notebook in which the text of an answer is a number, a list of numbers, or an object.

The format allows a text or a list of texts. Joining these raises TypeError in whoever assumes
that; the notebook is reported as not graded.
"""

import json

EARNS = None
STOCK = "nbgrader grades it neither, and says so in its log"


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    for number, cell in enumerate(content["cells"]):
        cell["source"] = [7, [1, 2], {"x": 1}, None][number % 4]
    return json.dumps(content).encode()
