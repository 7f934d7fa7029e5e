"""Closes every descriptor, among them those that lead to the grader.

Then it opens others in their places, so that numbers that meant a channel mean a file now.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import os

os.closerange(0, 4096)
for _ in range(64):
    os.open("/dev/null", os.O_RDWR)
"""
}
