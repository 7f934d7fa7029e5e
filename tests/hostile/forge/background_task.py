"""A task on the cells' event loop that goes on between and within the checks.

It was started by the student's cell and is never awaited. Each time the loop turns it puts the
student's helpers back in place of the instructor's.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "deliver": """
import asyncio
import threading

def deliver(orders, courier, on_error):
    results = []
    for order in orders:
        try:
            results.append(courier(order))
        except Exception as error:
            on_error(order, error)
            results.append(None)
    return results

def call(self, order):
    if order in self.lost:
        raise ConnectionError(order)
    self.delivered.append(order)
    return order.upper()

async def again():
    while True:
        Courier.__call__ = call
        await asyncio.sleep(0)

kept = asyncio.get_running_loop().create_task(again()) if True else None
"""
}
