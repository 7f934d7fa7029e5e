"""Stops its own process by SIGSTOP, which nobody can catch.

A stopped process answers nothing, uses no CPU time, and heeds no interrupt. It is not dead
either, so that whoever waits for its end waits for ever.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {"bucket": "import os\nimport signal\n\nos.kill(os.getpid(), signal.SIGSTOP)"}
