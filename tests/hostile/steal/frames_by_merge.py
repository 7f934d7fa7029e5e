"""Gets the check's frames through a library that passes on what another one returns.

`traceback.walk_stack` gives its frames to whoever iterates, and heapq hands them over. Shown later
by code that formats tracebacks, they would bring the hidden checks' code onto the feedback page.
"""

EARNS = 0
REPORTED = True
STOCK = "reads"
CELLS = {
    "receipt": """
import asyncio
import heapq
import traceback

kept = []

def receipt(name, count, cents):
    for ask in (
        lambda: [frame for frame, _ in heapq.merge(traceback.walk_stack(None))],
        lambda: asyncio.current_task().get_stack(),
    ):
        try:
            kept.extend(ask())
        except Exception as error:
            print(type(error).__name__)
    return {"tea": "tea x 3 = 7.50"}.get(name)
"""
}
LAST = """
import stack_data

found = []
for frame in kept:
    while frame is not None:
        try:
            found.append(str(stack_data.FrameInfo(frame).code.co_consts))
        except Exception as error:
            print(type(error).__name__)
        frame = frame.f_back
raise SystemError("\\n".join(found))
"""
