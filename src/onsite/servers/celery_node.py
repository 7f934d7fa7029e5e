"""A Celery worker, of an app in a module or of one that was sent from a notebook."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app.utils import find_app
from celery.local import Proxy
from celery.signals import worker_ready

from onsite.servers import kept

SENT = "app.pickle"
_sent: list[Celery] = []


def app_here() -> Celery:
    """Stand, in what was sent, for the app."""
    return _sent[0]


def task_here(name: str) -> Proxy:
    """Stand, in what was sent, for the app's task `name`, which may not be there yet."""
    return Proxy(lambda: _sent[0].tasks[name])


def receive(path: Path) -> Celery:
    """Make an app like the one that `handles.celery_worker` has sent to the file `path`."""
    app_in_parts: dict[str, Any] = pickle.loads(path.read_bytes())  # noqa: S301
    app = Celery(app_in_parts["main"], set_as_current=True)
    app.conf.update(app_in_parts["settings"])
    _sent.append(app)
    for name, options, function in pickle.loads(app_in_parts["tasks"]):  # noqa: S301
        app.task(name=name, **options)(function)
    return app


def main() -> None:
    """Work until told to stop."""
    wanted = kept.settings()
    app = find_app(wanted["app"]) if wanted["app"] else receive(kept.HERE / SENT)
    worker_ready.connect(_say_ready)
    app.worker_main(["worker", *wanted["words"]])


def _say_ready(**_: Any) -> None:
    kept.say_ready()


if __name__ == "__main__":
    # what was sent names this module, which must not be loaded a second time for that
    sys.modules["onsite.servers.celery_node"] = sys.modules["__main__"]
    main()
