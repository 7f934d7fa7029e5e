"""A MagicMock that was told to equal everything.

Its class is made by the library for each mock, and its __eq__ is configured, not written. Who
looks for a function of the student's in the class finds none.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
from unittest.mock import MagicMock

def receipt(name, count, cents):
    answer = MagicMock()
    answer.__eq__.return_value = True
    return answer
"""
}
