"""`ServerHandle`: a handle on one server of its own, which it can stop, start and kill."""

from __future__ import annotations

from types import ModuleType

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.handle import Handle


class ServerHandle(Handle):
    """What handles have in common that own one server each, or use one of the user's.

    Subclasses set `service`, `call`, `variable` and `version`, and say what `url` is.
    """

    variable: str
    """What names a server of the user's own."""

    def __init__(self, address: str, server: process.Server | None) -> None:
        """Stand for `server` or, when that is None, for the user's own at `address`, host:port."""
        self._address = address
        self._server = server
        super().__init__()

    @property
    def name(self) -> str:
        """Where it is: host:port."""
        return self._address

    @property
    def state(self) -> str:
        """`running`, `stopped`, `closed`, or how the server ended."""
        if self._closed or self._server is None:
            return "closed" if self._closed else "running"
        return self._server.state

    def stop(self) -> None:
        """End the server, to see what its clients do then; it keeps its port.

        Raises:
            OnsiteError: it is a server of the user's own, or another process started it.
        """
        self._private().stop()

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would.

        Raises:
            OnsiteError: it is a server of the user's own, or another process started it.
        """
        self._private().kill()

    def start(self) -> None:
        """Start the stopped server again, at the same address.

        Raises:
            OnsiteError: it is a server of the user's own, or it does not start.
        """
        self._private().start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the server's log.

        Raises:
            OnsiteError: it is a server of the user's own.
        """
        return self._private().log_tail(lines)

    def _private(self) -> process.Server:
        self._require_open()
        if self._server is None:
            raise OnsiteError(f"the server at {self.variable} is your own; manage it yourself.")
        return self._server

    def _release(self) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def _is_own(self) -> bool:
        return self._server is None

    def _facts(self) -> tuple[str, ...]:
        server = self._server
        origin = f"your server ({self.variable})" if server is None else server.recipe.origin
        return (self._address, origin)


def client_library(module: str, package: str) -> ModuleType:
    """Import the client library of a service that not every learner has.

    Raises:
        OnsiteError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise OnsiteError(
            f"the client library {package} is missing; `pip install {package}` adds it."
        ) from None
