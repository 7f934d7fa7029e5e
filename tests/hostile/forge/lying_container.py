"""Replaces what the check looks into by an object that contains nothing, and has any length.

The courier is the check's own, but its attributes can be set. `ident not in courier.threads` then
asks the student's __contains__, and len() asks the student's __len__.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "deliver": """
class Lies(list):
    def __contains__(self, item):
        return False

    def __iter__(self):
        return iter(["a", "c"])

    def __len__(self):
        return 2

    def add(self, item):
        pass

def deliver(orders, courier, on_error):
    courier.threads, courier.delivered = Lies(), Lies()
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
