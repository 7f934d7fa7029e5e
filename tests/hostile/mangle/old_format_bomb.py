"""A notebook in format 3 with a hundred thousand cells, which has to be converted first.

A limit on cells that is applied after the conversion has come too late: converting takes longer
than everything else.
"""

import json

EARNS = None
STOCK = "nbgrader refuses the old format"


def make(notebook: bytes) -> bytes:
    cell = {"cell_type": "code", "input": "x", "outputs": [], "language": "python"}
    sheet = {"cells": [cell] * 150_000, "metadata": {}}
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "x"}, "worksheets": [sheet]}
    ).encode()
