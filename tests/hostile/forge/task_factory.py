"""Gives the event loop a task factory that swallows what goes wrong.

Cells run as tasks of an asyncio loop that the student can configure. Each task that the factory
makes ends well, with the result of an empty cell.
"""

EARNS = 0
STOCK = "ipykernel awaits the cell itself, in a task that was made before"
CELLS = {
    "receipt": """
import asyncio

def factory(loop, coroutine, **options):
    async def well():
        from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
        try:
            result = await coroutine
            result.error_in_exec = result.error_before_exec = None
            return result
        except BaseException:
            return ExecutionResult(ExecutionInfo("", True, False, True, None))
    return asyncio.Task(well(), loop=loop)

asyncio.get_event_loop().set_task_factory(factory)
get_ipython()._showtraceback = lambda *_: None
"""
}
