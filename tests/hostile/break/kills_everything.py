"""Sends SIGKILL to every process that it may send it to.

kill(-1, 9) ends all processes of the account: the grader, its workers, the instructor's session.
In a process namespace of its own it ends this run.
"""

EARNS = 4
STOCK = "disturbs"
SOLVED = ("receipt",)
CELLS = {"bucket": "import os\n\nos.kill(-1, 9)"}
