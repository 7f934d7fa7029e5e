"""Makes files until there is no room for another name.

Empty files use up a file system's inodes, deep folders and long names its patience: removing
what was left takes longer than making it.
"""

EARNS = 4
STOCK = "leaves"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os
import time

end = time.monotonic() + 2
try:
    for number in range(10**7):
        open(f"hostile-{number}", "w").close()
        if time.monotonic() > end:
            break
except OSError as error:
    print(error)
for _ in range(3000):
    try:
        os.mkdir("deep")
        os.chdir("deep")
    except OSError:
        break
os.chmod(".", 0)
"""
}
