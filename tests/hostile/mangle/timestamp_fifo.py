"""A right notebook whose timestamp.txt is a named pipe.

The time of submission is read before anything else. Reading a pipe that nobody writes to waits
for ever, and the whole batch with it.
"""

import os
from pathlib import Path

EARNS = None
STOCK = "disturbs"
SOLVED = ("receipt", "bucket", "deliver")


def make_files(folder: Path) -> None:
    path = folder / "timestamp.txt"
    path.unlink()
    os.mkfifo(path)
