"""Registers a formatter that prints every int as 2.

What IPython shows of a value is decided by formatters that notebooks may add. nbgrader reads the
points out of what was shown.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
plain = get_ipython().display_formatter.formatters["text/plain"]
plain.for_type(int, lambda number, printer, cycle: printer.text("2"))

def receipt(name, count, cents):
    return None
"""
}
