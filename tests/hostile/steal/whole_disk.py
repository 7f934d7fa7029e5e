"""Searches the whole disk for hidden tests.

The sandbox has to show the interpreter, the package and their neighbours. Somewhere among them
may be a course: beside the package, in a cache, in the folder of a run.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import os
import pathlib
import time

import onsite

needle = "BEGIN " + "HIDDEN TESTS"
tops = [*list(pathlib.Path(onsite.__file__).parents)[1:5], "@COURSE@", "@HOME@", "/tmp",
        "/var/tmp", "/dev/shm", "/run", "/srv", "/opt", "/mnt", "/home", "/work"]
deadline = time.monotonic() + 3
for top in tops:
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("site-packages", "lib", "node_modules")]
        if time.monotonic() > deadline:
            break
        for name in files:
            if name.endswith((".ipynb", ".md", ".json", ".db", ".html")):
                try:
                    text = pathlib.Path(folder, name).read_text(errors="replace")
                except OSError:
                    continue
                if needle in text:
                    print(folder, name, text[text.index(needle):][:300])
"""
}
