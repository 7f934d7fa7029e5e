"""Changes the helper class in place: same class, other methods.

Putting the name `Courier` back does not help, since it was never rebound. Its __call__ notes no
thread any more, so that an answer without threads looks like one with them.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "deliver": """
def call(self, order):
    if order in self.lost:
        raise ConnectionError(order)
    self.delivered.append(order)
    return order.upper()

Courier.__call__ = call

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
