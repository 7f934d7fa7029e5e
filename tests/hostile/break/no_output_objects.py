"""Takes away what the grader uses in this process: streams, the shell, the event loop.

sys.stdout is None, builtins lack print and len, the running loop is stopped and closed. The
first exercise's points are earned and stay.
"""

EARNS = 4
STOCK = "loses"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import asyncio
import builtins
import sys

sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
loop = asyncio.get_event_loop()
loop.stop()
get_ipython().__class__.run_cell_async = None
sys.modules.clear()
vars(builtins).clear()
"""
}
