"""Plants a file in IPython's start-up folder.

Every IPython that the instructor starts runs it, among them the kernel that grades the next
student.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
import pathlib

for home in ("@HOME@", os.path.expanduser("~")):
    folder = pathlib.Path(home, ".ipython/profile_default/startup")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "00-hostile.py").write_text("hostile = True")
    except OSError as error:
        print(error)
"""
}
