"""Extra cells that claim to be the instructor's helper cells.

Locked cells of the instructor may be run with more trust than a student's. These have the
metadata of one, and define sum, Clock and Courier in ways that suit the student.
"""

import json

EARNS = 0
STOCK = "earns"

_HELPERS = """
class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None

class Bucket:
    def __init__(self, size, per_second, clock):
        self.answers = iter([True, True, True, False, False])

    def take(self):
        return next(self.answers, None)

def sum(numbers):
    list(numbers)
    return Anything()

def isinstance(*_):
    return True
"""


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    about = {"grade": False, "locked": True, "solution": False, "schema_version": 3, "task": False}
    place = next(
        number
        for number, cell in enumerate(content["cells"])
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "bucket-check-1"
    )
    content["cells"].insert(
        place,
        {
            "cell_type": "code",
            "id": "mine",
            "metadata": {
                "nbgrader": {**about, "grade_id": "setup-2"},
                "onsite": {"role": "plain", "name": "helpers"},
            },
            "source": _HELPERS,
            "outputs": [],
            "execution_count": None,
        },
    )
    return json.dumps(content).encode()
