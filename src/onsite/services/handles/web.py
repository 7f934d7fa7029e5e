"""Web applications: `site = web(app)` serves a WSGI or ASGI application by a real server."""

from __future__ import annotations

import inspect
import pickle
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.account import python_account
from onsite.services.family import family, is_helper, listens
from onsite.services.python_program import installed_version, python_environment
from onsite.services.server_handle import ServerHandle, client_library

if TYPE_CHECKING:  # it takes long to import
    import httpx

Interface = Literal["asgi", "wsgi"]
MODULE = "onsite_app"
"""The module that stands for an application of the notebook."""
LOADER = '''\
"""The application of a notebook."""
import pathlib, pickle
app = pickle.loads(pathlib.Path(__file__).with_name("app.pickle").read_bytes())
'''


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of server is called."""

    interfaces: tuple[Interface, ...]
    """What it can serve; the first is what an application named by a string is taken for."""
    words: str
    """The words of its command, after its name."""
    asgi: str = ""
    """Further words for an ASGI application."""
    wsgi: str = ""
    prefix: str = ""
    """What comes before the name of a WSGI application."""
    drain: signal.Signals = signal.SIGTERM
    """Has it finish what it has begun, and end."""
    taken: str = "address already in use"


KINDS = {
    "uvicorn": Kind(
        ("asgi", "wsgi"),
        "--host 127.0.0.1 --port {port} --workers {workers} --timeout-graceful-shutdown {grace}"
        " --no-use-colors",
        wsgi="--interface wsgi",
    ),
    "gunicorn": Kind(
        ("wsgi", "asgi"),
        "--bind 127.0.0.1:{port} --workers {workers} --graceful-timeout {grace}"
        " --access-logfile - --no-control-socket",
        asgi="--worker-class asgi",
        taken="connection in use",
    ),
    "hypercorn": Kind(
        ("asgi", "wsgi"),
        "--bind 127.0.0.1:{port} --workers {workers} --graceful-timeout {grace}"
        " --access-logfile - --error-logfile -",
        prefix="wsgi:",
    ),
    # its threads are its workers; when it ends it waits five seconds for them, whatever `grace` is
    "waitress": Kind(
        ("wsgi",), "--listen=127.0.0.1:{port} --threads={workers}", drain=signal.SIGINT
    ),
}


class Web(ServerHandle):
    """A web application served on 127.0.0.1."""

    call = "web"
    variable = ""  # there is nothing of the user's own to take instead

    def __init__(self, app: str, workers: int, health: str, server: process.Server) -> None:
        """Stand for `server`, which serves `app` (its name, for people) with `workers`."""
        self.service = server.recipe.service
        self.version = server.recipe.version
        self._app = app
        self._workers = workers
        self._health = health
        self._client: httpx.Client | None = None
        super().__init__(f"127.0.0.1:{server.port}", server)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        self._require_open()
        return f"http://{self._address}"

    @property
    def client(self) -> httpx.Client:
        """A client for this site: `site.client.get("/")`."""
        self._require_open()
        if self._client is None:
            import httpx

            # not by a proxy that the environment names
            self._client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        return self._client

    def is_healthy(self) -> bool:
        """Ask the application: whether its health path answers in 2 s, and not with an error."""
        import httpx

        self._require_open()
        try:
            answer = httpx.get(self.url + self._health, timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return not answer.is_error

    def worker_pids(self) -> list[int]:
        """The processes that serve requests: the workers, or the server when it has none."""
        main, *below = family(self._private().folder) or (None,)
        workers = [one.pid for one in below if not is_helper(one)]
        return workers or ([main.pid] if main else [])

    def drain(self) -> None:
        """End the server in order: it takes no more requests and finishes those that it has.

        Those that take longer than `grace` are given up. `start()` brings it back.

        Raises:
            OnsiteError: another process started it.
        """
        self.stop()

    def _release(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._server is not None:
            self._server.kill()  # nobody waits for the answers any more
            self._server.close()

    def _facts(self) -> tuple[str, ...]:
        unit = "thread" if self.service == "waitress" else "worker"
        workers = f"{self._workers} {unit}{'s' if self._workers > 1 else ''}"
        return (self._app, workers, *super()._facts())


def web(
    app: Any,
    server: str = "uvicorn",
    workers: int = 1,
    *,
    interface: Interface | None = None,
    grace: float = 5,
    health: str = "/",
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Web:
    """Serve a web application by a real server in processes of its own; each call starts another.

    Args:
        app: a WSGI or ASGI application of the notebook, or where to import one: "module:app".
            The notebook's own objects go to the server as copies (by cloudpickle).
        server: `uvicorn`, `gunicorn`, `hypercorn` or `waitress`.
        workers: how many processes serve it, or threads for waitress.
        interface: `asgi` or `wsgi`; None: what the application looks like, and for "module:app"
            what the server is made for.
        grace: seconds that requests get to finish when the server is drained. waitress: always 5.
        health: the path that `is_healthy()` asks for.
        options: further words for the server's command line.
        environment: variables for the server.

    Raises:
        OnsiteError: the server is not installed or cannot serve this application, or the
            application cannot be copied or does not start.
    """
    if server not in KINDS:
        raise OnsiteError(f"web() knows the servers {', '.join(KINDS)}, not {server!r}.")
    if workers < 1:
        raise OnsiteError(f"a web server needs at least one worker, not {workers}.")
    kind = KINDS[server]
    version = installed_version("web", server)
    wanted = interface or (kind.interfaces[0] if isinstance(app, str) else _interface(app))
    if wanted not in kind.interfaces:
        raise OnsiteError(
            f"{server} serves {' and '.join(kind.interfaces).upper()} applications, and this is "
            f"one for {wanted.upper()}; take another server, or name the `interface`."
        )
    words = kind.words.format(port="{port}", workers=workers, grace=round(grace))
    command = (*words.split(), *getattr(kind, wanted).split(), *options)
    name = app if isinstance(app, str) else f"{MODULE}:app"
    running = process.launch(
        process.Recipe(
            service=server,
            version=version,
            origin=f"package {server} {version}",
            prepare=partial(
                _prepare,
                None if isinstance(app, str) else _pickled(app),
                (server, *command, (kind.prefix if wanted == "wsgi" else "") + name),
            ),
            ready=_ready,
            stop_signal=kind.drain,
            patience=grace + 2,
            environment=python_environment(environment),
            account=python_account,
            taken=kind.taken,
        )
    )
    shown = app if isinstance(app, str) else getattr(app, "__name__", type(app).__name__)
    return Web(f"{wanted.upper()} application {shown}", workers, health, running)


def _interface(app: Any) -> Interface:
    """What an application looks like: ASGI's are coroutine functions, or take three arguments."""
    if not callable(app):
        raise OnsiteError(
            f"web() takes a WSGI or ASGI application or its name 'module:app', not {app!r}."
        )
    call = app if inspect.isroutine(app) else type(app).__call__.__get__(app)
    if inspect.iscoroutinefunction(inspect.unwrap(call)):
        return "asgi"
    try:
        inspect.signature(call).bind("scope", "receive", "send")
    except (TypeError, ValueError):
        return "wsgi"
    return "asgi"


def _pickled(app: Any) -> bytes:
    try:
        dumped: bytes = client_library("cloudpickle", "cloudpickle").dumps(app)
    except (TypeError, AttributeError, pickle.PicklingError, RecursionError) as error:
        raise OnsiteError(
            f"this application cannot be copied into a server ({error}); what it uses must not "
            "hold connections, locks or handles: let it connect by an address, such as pg.url."
        ) from error
    return dumped


def _prepare(app: bytes | None, words: tuple[str, ...], data: Path, port: int) -> Sequence[str]:
    if app is not None:
        (data / "app.pickle").write_bytes(app)
        (data / f"{MODULE}.py").write_text(LOADER, encoding="utf-8")
    return (sys.executable, "-m", *(word.replace("{port}", str(port)) for word in words))


def _ready(data: Path, port: int) -> bool:
    """Whether a worker answers, which it does to nonsense too; the application is not called."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(b"ready?\r\n\r\n")
            said = connection.recv(9)
    except OSError:
        return False
    return said.startswith(b"HTTP/1.") and listens(data.parent, port)
