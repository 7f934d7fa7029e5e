"""Writes other bytecode into __pycache__ of the packages that the grader imports.

Python trusts a .pyc whose time and size match its source. The next process that imports the
module runs the student's code with its own rights.
"""

EARNS = 0
STOCK = "the arena's interpreter is read-only, as a system's own is"
CELLS = {
    "receipt": """
import importlib.util
import json
import marshal
import pathlib
import struct

import onsite

changed = []
for source in [*pathlib.Path(onsite.__file__).parent.rglob("*.py"), pathlib.Path(json.__file__)]:
    try:
        path = pathlib.Path(importlib.util.cache_from_source(str(source)))
        status = source.stat()
        head = importlib.util.MAGIC_NUMBER + struct.pack(
            "<III", 0, int(status.st_mtime), status.st_size
        )
        path.write_bytes(head + marshal.dumps(compile("raise SystemExit('hostile')", "", "exec")))
        changed.append(path)
    except OSError as error:
        refused = error
print(len(changed), "changed")
"""
}
