"""A right notebook whose cell ids are paths, markup, numbers, and all the same.

Ids become file names, addresses in pages, and keys of tables. None of these is an id that the
format allows; the cells are all right.
"""

import json

EARNS = 10
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    odd = ["../../../tmp/x", "<script>", "", "x" * 10_000, "same", "same", 7, None, ["id"]]
    for number, cell in enumerate(content["cells"]):
        cell["id"] = odd[number % len(odd)]
    return json.dumps(content).encode()
