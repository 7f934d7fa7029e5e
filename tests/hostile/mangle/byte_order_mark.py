"""A right notebook with a byte order mark, Windows line ends, and odd blanks around it.

It is unusual and harmless, so it is graded and earns what it deserves.
"""

EARNS = 10
REPORTED = False
STOCK = "loses"
SOLVED = ("receipt", "bucket", "deliver")


def make(notebook: bytes) -> bytes:
    return b"\xef\xbb\xbf\r\n\t" + notebook.replace(b"\n", b"\r\n") + b"\r\n \n"
