"""A right notebook with twenty thousand empty cells behind it.

Each of them costs a message there and back. It is more than any homework has, and refused with
a sentence.
"""

import json

EARNS = None
STOCK = "nbgrader runs them all, which takes minutes"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    content["cells"] += [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": "0",
            "outputs": [],
            "execution_count": None,
        }
        for number in range(20_000)
    ]
    return json.dumps(content).encode()
