"""Raises an exception whose message has a hundred megabytes.

Error outputs are kept whatever the limit on output is, since they say why. A chain of a thousand
exceptions has a traceback for each.
"""

EARNS = 4
STOCK = "nbgrader keeps all of it, and goes on"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
error = ValueError("x" * 100_000_000)
for number in range(300):
    try:
        raise KeyError(number) from error
    except KeyError as next_one:
        error = next_one
raise error
"""
}
