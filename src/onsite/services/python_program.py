"""How a server that is written in Python is run under a keeper."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import onsite
from onsite.errors import OnsiteError
from onsite.servers import kept
from onsite.services.account import server_account
from onsite.services.packages import cure
from onsite.services.process import Recipe, Server

FACTS = "facts.json"


def installed_version(service: str, package: str) -> str:
    """The version of the wheel `package`, which `service` cannot do without.

    Raises:
        OnsiteError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise OnsiteError(f"there is no {package} in this Python; {cure(service)}.") from None


def search_path() -> str:
    """Where this process finds its modules, for a Python that is to find the same ones."""
    ours = str(Path(onsite.__file__).parents[1])
    return os.pathsep.join(dict.fromkeys([ours, *(str(Path(p).absolute()) for p in sys.path)]))


def python_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What programs of this Python are told, such as web servers: its commands and modules."""
    programs = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    return {
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": search_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(more or {}),
    }


def python_recipe(
    module: str,
    settings: Mapping[str, Any],
    *,
    service: str,
    version: str,
    origin: str,
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Recipe:
    """How to run `module` of onsite.servers.

    The module reads `settings` (and `port`) by `kept.settings`, and drops root by itself. `files`
    are further ones in its data folder.
    """
    return Recipe(
        service=service,
        version=version,
        origin=origin,
        prepare=partial(_prepare, module, settings, files or {}),
        ready=ready,
        stop_signal=signal.SIGTERM,
        environment={"PYTHONPATH": search_path(), **(environment or {})},
        account=lambda: None,  # it drops root by itself
    )


def _prepare(
    module: str, settings: Mapping[str, Any], files: Mapping[str, str], data: Path, port: int
) -> Sequence[str]:
    account = server_account()
    wanted = {**settings, "port": port, "account": account and [account.uid, account.gid]}
    (data / kept.SETTINGS).write_text(json.dumps(wanted), encoding="utf-8")
    for name, text in files.items():
        (data / name).write_text(text, encoding="utf-8")
    if account is not None:
        account.owns(data)
    return python_command(module)


def python_command(module: str) -> tuple[str, ...]:
    """The command that runs `module` of onsite.servers."""
    # -P: the folder it runs in is for data, not for modules
    return (sys.executable, "-P", "-m", f"onsite.servers.{module}")


def ready(data: Path, port: int) -> bool:
    """Take the note away that the program left: after a restart it leaves a new one."""
    try:
        (data / kept.READY).replace(data / FACTS)
    except FileNotFoundError:
        return False
    return True


def facts(server: Server) -> dict[str, Any]:
    """What the program said with `kept.say_ready`."""
    said: dict[str, Any] = json.loads((server.folder / "data" / FACTS).read_text(encoding="utf-8"))
    return said
