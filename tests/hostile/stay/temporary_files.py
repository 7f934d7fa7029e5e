"""Leaves files in every folder that everybody can write to, also hidden and unremovable ones.

/tmp, /var/tmp, /dev/shm, /run/lock: a file there outlives the run, and a folder without
permissions is skipped by whoever cleans up.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os

for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/run", "/dev/mqueue", "/"):
    try:
        open(f"{folder}/hostile-file", "w").write("x")
        os.makedirs(f"{folder}/.hostile-folder/inner")
        os.chmod(f"{folder}/.hostile-folder/inner", 0)
    except OSError as error:
        print(error)
"""
}
