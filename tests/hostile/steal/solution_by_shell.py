"""Takes the solution out of source/ by a shell command, and runs it as its own answer.

A cell may start programs. What they print becomes Python, so the stolen solution earns the
points without ever standing in the notebook.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    exercise: f'''
import json
import subprocess

text = subprocess.run(
    "cat @COURSE@/source/*/*.ipynb ./../../../source/*/*.ipynb",
    shell=True, capture_output=True, text=True,
).stdout
for cell in json.JSONDecoder().raw_decode(text)[0]["cells"] if text else ():
    if cell["metadata"].get("nbgrader", {{}}).get("grade_id") == "{exercise}":
        exec("".join(cell["source"]))
'''
    for exercise in ("receipt", "bucket", "deliver")
}
