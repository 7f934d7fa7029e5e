"""Swaps the grade ids of answers and checks.

The cell that is called receipt-check-1 is then the student's own text, and the instructor's check
is put back into what the student called the answer, above all that it needs.
"""

import json

EARNS = 0
STOCK = "nbgrader overwrites cells by their ids, too"
_OTHER = {"receipt": "receipt-check-1", "receipt-check-1": "receipt", "bucket": "bucket-check-1"}


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    for cell in content["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade_id") in _OTHER:
            about["grade_id"] = _OTHER[about["grade_id"]]
            cell["source"] = "2"
    return json.dumps(content).encode()
