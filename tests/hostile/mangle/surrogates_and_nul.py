"""A right notebook with lone surrogates, NUL bytes and control characters in its texts.

JSON can carry them; UTF-8, databases and C strings cannot. They come in sources and in outputs.
"""

import json

EARNS = 10
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")
LAST = 'print("\\ud800 \\x00 \\x1b]0;hostile\\x07 \\u202e")'


def make(notebook: bytes) -> bytes:
    content = json.loads(notebook)
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "markdown")
    cell["source"] = "lone \ud800 surrogate, nul \x00, bell \x07"
    content["cells"].append(
        {
            "cell_type": "code",
            "id": "odd",
            "metadata": {},
            "source": "x = '\udcff'  # \x01\x7f",
            "outputs": [],
            "execution_count": None,
        }
    )
    return json.dumps(content).encode()
