"""Displays large pictures and HTML without end, and updates a display for ever.

Rich output is not text on a stream. Each message is a megabyte, or one of a million small ones
that update the same display.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
from IPython.display import HTML, display

handle = display(HTML("x"), display_id=True)
while True:
    handle.update(HTML("y" * 1000))
    display(HTML("z" * 1_000_000))
"""
}
