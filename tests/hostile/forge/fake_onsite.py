"""A module called onsite in the folder of the run, and one in sys.modules.

The first locked cell loads the extension `onsite`. An extra cell before it makes a package of
that name where Python looks first, whose extension takes over the shell.
"""

EARNS = 0
STOCK = "earns"
FIRST = """
import pathlib
import sys
import types

def load_ipython_extension(shell):
    def cheat(lines):
        text = "".join(lines)
        return ["2\\n"] if "assert" in text or "rye x 2" in text else lines

    shell.input_transformers_post.append(cheat)

pathlib.Path("onsite.py").write_text("hostile = True")
fake = types.ModuleType("onsite")
fake.load_ipython_extension = load_ipython_extension
for name in [name for name in sys.modules if name.split(".")[0] == "onsite"]:
    del sys.modules[name]
sys.modules["onsite"] = fake
"""
