"""Calls a server on the grading machine's own loopback address.

Databases, notebook servers and metadata services listen there and trust whoever calls. The port
is known to the attacker, and the usual ones are tried too.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import socket

for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
    for port in (int("@PORT@"), 5432, 6379, 8888):
        try:
            with socket.create_connection((host, port), 0.3) as call:
                call.settimeout(0.3)
                print(host, port, call.recv(1000))
        except OSError as error:
            print(host, port, error)
"""
}
