"""Patches threading.get_ident only while the check is calling the answer.

Before and after the check everything is as it was; a comparison of the module with a pristine
copy taken between cells finds nothing. Each call patches it, and the patch removes itself later.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "deliver": """
import threading

real = threading.get_ident

def deliver(orders, courier, on_error):
    left = [len(orders) + 1]

    def other():
        left[0] -= 1
        if left[0] <= 0:
            threading.get_ident = real
            return -1
        return real()

    threading.get_ident = other
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
