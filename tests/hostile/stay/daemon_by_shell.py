"""Starts a program by nohup and setsid that has nothing to do with Python.

It ignores SIGHUP, SIGINT and SIGTERM, has another name and an empty environment, and waits.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import subprocess

subprocess.Popen(
    "trap '' HUP INT TERM; exec env -i setsid nohup sleep 300",
    shell=True, start_new_session=True, stdin=-3, stdout=-3, stderr=-3, close_fds=True,
)
"""
}
