"""Lies inside what the check itself collects.

on_error is told of an order that equals every order; the check's own list of tuples is compared
with plain data, and the liar sits two levels down. The results are a list of liars too.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "deliver": """
class Liar(str):
    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True

    __hash__ = str.__hash__

def deliver(orders, courier, on_error):
    courier.delivered = [Liar() for each in orders if each not in courier.lost]
    courier.threads = set()
    if on_error:
        on_error(Liar(), ConnectionError())
    return [Liar() for _ in orders]
"""
}
