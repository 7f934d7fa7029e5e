"""Calls an abstract unix socket, which has no file and so no permissions.

X11, D-Bus and container tools listen on such names. They are seen by everybody in the same
network namespace, whatever the file system looks like.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import pathlib
import socket

try:
    print(pathlib.Path("/proc/net/unix").read_text())
    with socket.socket(socket.AF_UNIX) as call:
        call.settimeout(1)
        call.connect("\\0@SOCKET@")
        print(call.recv(1000))
except OSError as error:
    print(error)
"""
}
