"""Reads the gradebook: everybody's names and points.

It is one SQLite file in the course's folder, which every process of the instructor's may open.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import sqlite3

try:
    book = sqlite3.connect("file:@COURSE@/gradebook.db?mode=ro", uri=True)
    print(book.execute("SELECT id, first_name, last_name FROM student").fetchall())
except Exception as error:
    print(error)
"""
}
