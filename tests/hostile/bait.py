"""Secrets where thieves look, and servers that tell theirs to whoever calls."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.hostile.course import SECRETS


class Canaries:
    """Secrets in a home folder, behind a port of this host's loopback, and in a unix socket."""

    def __init__(self, home: Path) -> None:
        for name in (".ssh/id_ed25519", ".netrc", ".config/credentials", "students.csv"):
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SECRETS["home"], encoding="utf-8")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.socket = f"grader-{os.getpid()}"
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(f"\0{self.socket}")
        self._unix.listen()

    def __enter__(self) -> Canaries:
        for listener, secret in ((self._listener, "network"), (self._unix, "socket")):
            threading.Thread(target=_tell, args=(listener, SECRETS[secret]), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._unix.close()


def _tell(listener: socket.socket, secret: str) -> None:
    """Tell everybody who calls."""
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller, suppress(OSError):
            caller.sendall(f"HTTP/1.0 200 OK\r\n\r\n{secret}\n".encode())
