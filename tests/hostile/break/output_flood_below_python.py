"""Writes to the descriptors without end, from a program that it started.

What does not go through sys.stdout is not counted there. The program goes on writing after the
cell has ended.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import subprocess

subprocess.Popen("yes hostile", shell=True)
subprocess.Popen("yes hostile >&2", shell=True).wait()
"""
}
