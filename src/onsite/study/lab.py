"""`onsite lab`: JupyterLab on the start page, in this process, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import zmq
from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp
from traitlets.config import Config

from onsite.course.layout import Layout

# Each option is given on the command line, which wins over a user's own Jupyter configuration and
# leaves its files alone.
OPTIONS = (
    "--ServerApp.default_url=/onsite",
    "--LabApp.default_url=/onsite",
    "--ServerApp.jpserver_extensions=onsite.study.start_page=True",
    "--ServerApp.allow_root=True",
    # Nothing is fetched from the network: no news, no look for newer versions or extensions.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    # Messages between server and kernels are encrypted where that is possible: no warning then.
    f"--KernelManager.transport_encryption={'auto' if zmq.has('curve') else 'disabled'}",
    "--Application.log_level=ERROR",
)

#: How long a task may take to heed that it is cancelled.
TASK_SECONDS = 5.0


def start(
    layout: Layout,
    port: int,
    browser: bool,
    options: Sequence[str],
    announce: Callable[[str], None],
) -> None:
    """Run JupyterLab on `layout` until it is stopped, then stop its kernels.

    Args:
        layout: the course; its root is what the file browser shows.
        port: the port to listen on; 0 lets the system choose a free one.
        browser: open the start page in a browser.
        options: further options for JupyterLab, which win over Onsite's own.
        announce: called with one line that has the address, when the page can be opened.
    """
    _set_environment(layout)
    os.chdir(layout.root)  # where nbgrader's extensions look for nbgrader_config.py
    ours = [
        f"--ServerApp.root_dir={layout.root}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        *OPTIONS,
    ]
    # An option may be given only once.
    theirs = {option.partition("=")[0] for option in options}
    arguments = [*(one for one in ours if one.partition("=")[0] not in theirs), *options]
    # A token of our own, so that Onsite can print the address; never on the command line, where
    # other users of the machine could read it.
    config = Config({"IdentityProvider": {"token": secrets.token_hex(24)}})
    server = LabApp.initialize_server(argv=arguments, config=config)
    _stop_on_interrupt(server)
    # Called when the loop runs, after the port was bound.
    server.io_loop.add_callback(announce, f"Onsite is at {_address(server)} - Ctrl-C stops it.")
    server.start()
    _end_tasks(server.io_loop.asyncio_loop)


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Bring what the server was doing when it stopped to an end, as asyncio.run does.

    A thread that anyio keeps for a task lives as long as the task, and Python waits for it: Ctrl-C
    while a notebook is open would not end the process.
    """
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=TASK_SECONDS))


def _stop_on_interrupt(server: ServerApp) -> None:
    """Let Ctrl-C stop the server and its kernels in order, and a second one at once.

    Jupyter's own handler asks first, and where there is no terminal leaves the kernels to
    themselves.
    """

    def stop(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server.stop(from_signal=True)

    signal.signal(signal.SIGINT, stop)


def _address(server: ServerApp) -> str:
    """The start page's address, with the token unless the user has set one of their own."""
    address = urlsplit(server.local_url)
    token = server.identity_provider.token
    query = urlencode({"token": token}) if token else ""
    return urlunsplit(address._replace(query=query))


def _set_environment(layout: Layout) -> None:
    """Let notebooks run on this environment's Python, and find this course.

    A `python3` kernel among the user's own files would otherwise take the place of this one.
    JupyterLab's question about news can only be turned off in a settings folder; ours is in the
    package.
    """
    _put_first("JUPYTER_PATH", Path(sys.prefix, "share", "jupyter"))
    _put_first("JUPYTER_CONFIG_PATH", Path(__file__).parent / "jupyter")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["ONSITE_ROOT"] = str(layout.root)


def _put_first(variable: str, folder: Path) -> None:
    others = os.environ.get(variable)
    os.environ[variable] = os.pathsep.join([str(folder), *([others] if others else [])])
