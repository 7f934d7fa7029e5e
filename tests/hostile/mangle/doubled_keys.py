"""JSON with each key twice: one notebook for whoever takes the first, another for the last.

Readers disagree on which of two equal keys counts. All of this course's tools read it the same
way, so the right answers, which are in the last, are what is graded and kept.
"""

EARNS = 10
STOCK = "all readers involved are Python's, which agree"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    return b'{"cells": [], "nbformat": 3, "metadata": {"x": 1},' + notebook.lstrip()[1:]
