"""An event callback that clears the result of each cell before anybody looks at it.

post_run_cell is called with the result object. This one removes the error from it, and sends a
clear_output, so that what was shown is gone.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
from IPython.display import clear_output

def clean(result):
    result.error_in_exec = result.error_before_exec = None
    clear_output()

get_ipython().events.register("post_run_cell", clean)
"""
}
