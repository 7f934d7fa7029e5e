"""A Celery worker: `w = celery_worker(app)` runs an app's tasks in a process of its own.

The app may be in a module, or in the notebook: then its tasks are sent to the worker by value, with
what they use of the notebook, as cloudpickle does it.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import secrets
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from onsite.errors import OnsiteError
from onsite.servers import kept
from onsite.services import process
from onsite.services.handle import Handle
from onsite.services.packages import package_of
from onsite.services.python_program import installed_version, python_command, ready, search_path
from onsite.services.server_handle import ServerHandle, client_library

if TYPE_CHECKING:
    from celery import Celery

PACKAGE = package_of("celery_worker")
Pool = Literal["prefork", "solo", "threads"]
PATIENCE = 10.0
"""Seconds in which a worker must answer or end."""


class CeleryWorker(ServerHandle):
    """One worker process with its pool, and what it is doing."""

    service = "Celery worker"
    call = "celery_worker"

    def __init__(self, app: Celery, node: str, server: process.Server) -> None:
        """Stand for the worker `node` of `app`."""
        self.version = server.recipe.version
        self._app = app
        super().__init__(node, server)

    @property
    def url(self) -> str:
        """The broker that it takes tasks from."""
        self._require_open()
        return str(self._app.conf.broker_url)

    @property
    def name(self) -> str:
        """The node's name, as Celery's own tools know it."""
        return self._address

    def active(self) -> list[dict[str, Any]]:
        """The tasks that it works on: their id, name, args, worker_pid..."""
        return self._inspect("active")

    def reserved(self) -> list[dict[str, Any]]:
        """The tasks that it has taken from the queue (prefetched) and not begun."""
        return self._inspect("reserved")

    def scheduled(self) -> list[dict[str, Any]]:
        """The tasks that it holds until their `eta` or `countdown`."""
        return self._inspect("scheduled")

    def queues(self) -> dict[str, int]:
        """How many messages wait in each queue of the app; what a worker has taken is not there."""
        self._require_open()
        lengths = {}
        with self._app.connection_for_read() as connection, connection.channel() as channel:
            for name in self._app.amqp.queues:
                lengths[name] = _length(channel, name)
        return lengths

    def drain(self) -> None:
        """Let it end its tasks and take no others; `start` brings it back.

        Raises:
            OnsiteError: its tasks take longer than ten seconds.
        """
        server = self._private()
        self._app.control.shutdown(destination=[self._address])
        deadline = time.monotonic() + PATIENCE
        while server.is_running():
            if time.monotonic() > deadline:
                raise OnsiteError(f"{self._address} still works after {PATIENCE:.0f} s; kill() it.")
            time.sleep(0.02)

    def _inspect(self, what: str) -> list[dict[str, Any]]:
        if not self._private().is_running():
            return []
        inspector = self._app.control.inspect([self._address], timeout=PATIENCE, limit=1)
        answer = getattr(inspector, what)()
        if not answer:
            raise OnsiteError(f"{self._address} does not answer; see log_tail().")
        return list(answer[self._address])

    def _facts(self) -> tuple[str, ...]:
        broker = self._app.connection_for_read().as_uri()  # without its password
        return (f"node {self._address}", f"tasks from {broker}", super()._facts()[-1])


def celery_worker(
    app: Celery | str,
    *,
    queues: Sequence[str] = (),
    concurrency: int = 1,
    pool: Pool = "prefork",
    words: Sequence[str] = (),
) -> CeleryWorker:
    """Start a worker for `app`; each call starts another.

    The app must name its broker: `Celery("shop", broker=kv.url, backend=kv.url)` with
    `kv = valkey()`. The worker is of the notebook's own user, like all code in it, also for root.
    Tasks that lie in the notebook are sent as they are now: start another worker after a change.
    Functions that they use go with them; handles, connections and locks cannot.

    Args:
        app: a Celery app, or where it is: "package.module:name".
        queues: the queues to take tasks from; empty: the app's own.
        concurrency: how many tasks it runs at a time.
        pool: what runs them: processes, nothing but the worker itself, or threads.
        words: further words for `celery worker`, such as `--prefetch-multiplier=1`.

    Raises:
        OnsiteError: Celery is missing, the app has no broker or cannot be sent, or the worker
            does not start.
    """
    version = installed_version("celery_worker", "celery")
    installed_version("celery_worker", "cloudpickle")
    here = _find(app) if isinstance(app, str) else app
    if not here.conf.broker_url:
        raise OnsiteError(
            "this Celery app has no broker; make it with "
            "`Celery(..., broker=kv.url, backend=kv.url)` where `kv = valkey()`."
        )
    node = f"worker-{secrets.token_hex(3)}@localhost"
    asked = ["-n", node, "-c", str(concurrency), "-P", pool, "-l", "INFO", "--without-mingle"]
    if queues:
        asked += ["-Q", ",".join(queues)]
    sent = None if isinstance(app, str) else pack(here)
    server = process.launch(
        process.Recipe(
            service=CeleryWorker.service,
            version=version,
            origin=f"wheel celery {version}",
            prepare=partial(_prepare, app if isinstance(app, str) else "", sent, [*asked, *words]),
            ready=ready,
            stop_signal=signal.SIGQUIT,  # cold: it does not wait for its tasks
            environment={**os.environ, "PYTHONPATH": search_path()},
            account=lambda: None,
            address=node,
        )
    )
    return CeleryWorker(here, node, server)


def _prepare(
    app: str, sent: bytes | None, words: Sequence[str], data: Path, port: int
) -> Sequence[str]:
    (data / kept.SETTINGS).write_text(json.dumps({"app": app, "words": words}), encoding="utf-8")
    if sent is not None:
        (data / "app.pickle").write_bytes(sent)
    return python_command("celery_node")


def _find(address: str) -> Celery:
    utils = client_library("celery.app.utils", PACKAGE.pip)
    try:
        found: Celery = utils.find_app(address)
    except (ImportError, AttributeError) as error:
        raise OnsiteError(f"there is no Celery app at {address!r}: {error}.") from error
    return found


def _length(channel: Any, queue: str) -> int:
    errors = client_library("kombu.exceptions", PACKAGE.pip)
    amqp = client_library("amqp", PACKAGE.pip)
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except (errors.ChannelError, amqp.exceptions.ChannelError):
        return 0  # nobody has sent anything there yet


# --- an app of the notebook ---

MADE_BY_CELERY = {"app", "name", "run", "request_stack"}


def pack(app: Celery) -> bytes:
    """Serialise `app`: its settings, and its tasks by value.

    Raises:
        OnsiteError: a task uses something that cannot leave this process.
    """
    own = _tasks(app)
    if not own:
        raise OnsiteError("this Celery app has no tasks yet; run the cells with @app.task first.")
    parts = []
    for task in own:
        options, function = _definition(task)
        parts.append((task.name, options, function))
        _dump(app, parts[-1], f"task {task.name}")  # to name the one that cannot be sent
    settings = dict(app.__reduce_keys__()["changes"])
    settings.pop("deprecated_settings", None)
    # the tasks as bytes of their own: they are read when the app is there
    return _dump(
        app, {"main": app.main, "settings": settings, "tasks": _dump(app, parts, "a task")}, "app"
    )


def _tasks(app: Celery) -> list[Any]:
    """The app's own tasks, by name.

    Celery gives each new app the tasks of all earlier ones ("shared") when it finalizes it, and
    then the earlier one of two of the same name wins: a cell that is run again with a change would
    change nothing. So the app's own are looked at before it is finalized, where that is possible.
    """
    own = {task.name: task for task in (proxy._get_current_object() for proxy in app._pending)}
    own |= {name: task for name, task in app._tasks.items() if name not in own}
    return [task for name, task in sorted(own.items()) if not name.startswith("celery.")]


def _definition(task: Any) -> tuple[dict[str, Any], Any]:
    """What @app.task was given, as Celery keeps it in the task's class."""
    made = vars(type(task))
    run = made["run"]
    bound = not isinstance(run, staticmethod)
    options = {
        name: value
        for name, value in made.items()
        if not name.startswith("_") and name not in MADE_BY_CELERY
    }
    base = type(task).__bases__[0]
    if base is not task.app.Task:
        options["base"] = base
    return {**options, "bind": bound}, run if bound else run.__func__


def _dump(app: Celery, value: object, what: str) -> bytes:
    cloudpickle = client_library("cloudpickle", PACKAGE.pip)
    celery = client_library("celery", PACKAGE.pip)
    node = client_library("onsite.servers.celery_node", PACKAGE.pip)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, Handle):
                raise OnsiteError(
                    f"{what} uses a {obj.service} handle, which cannot leave this process; let "
                    "it use the handle's url."
                )
            if isinstance(obj, celery.Celery) and obj == app:
                return node.app_here, ()
            if isinstance(obj, celery.Task) and obj.app is app:
                return node.task_here, (obj.name,)
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    try:
        Pickler(buffer).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise OnsiteError(
            f"{what} uses something that cannot leave this process ({error}); make it inside the "
            "task, or put the app into a module."
        ) from error
    return buffer.getvalue()
