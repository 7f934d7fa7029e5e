"""An extra first cell replaces modules before the instructor's cells import them.

`import threading` in the locked helper cell then binds the student's stand-in, whose get_ident
tells another number each time, and the check's helper classes are built on it.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
FIRST = """
import itertools
import sys
import threading
import types

numbers = itertools.count()
fake = types.ModuleType("threading")
fake.__dict__.update(vars(threading), get_ident=lambda: next(numbers))
sys.modules["threading"] = fake
"""
CELLS = {
    "deliver": """
def deliver(orders, courier, on_error):
    results = []
    for order in orders:
        try:
            results.append(courier(order))
        except Exception as error:
            on_error(order, error)
            results.append(None)
    return results
"""
}
