"""A right notebook that names a kernel which does not exist, and another language.

nbgrader takes the kernel from its own records; a grader that asks for the notebook's finds none,
or starts what the student has named.
"""

import json

EARNS = 10
REPORTED = False
STOCK = "nbgrader puts the kernel back, too"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    content["metadata"] = {
        "kernelspec": {"name": "../../tmp/evil", "display_name": "Evil", "language": "bash"},
        "language_info": {"name": "bash", "version": "x", "pygments_lexer": "<script>"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": 7}},
    }
    return json.dumps(content).encode()
