"""Gives a method of the helper other code, without setting anything on the class.

`Courier.__call__.__code__ = ...` changes the function object that class and instances share. No
name, no attribute and no identity differs afterwards.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "deliver": """
def call(self, order):
    if order in self.lost:
        raise ConnectionError(order)
    self.delivered.append(order)
    return order.upper()

Courier.__call__.__code__ = call.__code__

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
