"""Defines a class with the name of the check's helper.

The check makes a Courier, and finds the student's: it keeps whatever the check wants to see, and
was never called by any thread.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "deliver": """
class Courier:
    def __init__(self, lost=()):
        self.lost = set(lost)
        self.threads = set()

    def answer(self, orders, on_error):
        for order in orders:
            if order in self.lost:
                on_error(order, ConnectionError())
        self.delivered = [order for order in orders if order not in self.lost]
        return [None if order in self.lost else order.upper() for order in orders]

def deliver(orders, courier, on_error):
    return courier.answer(orders, on_error)
"""
}
