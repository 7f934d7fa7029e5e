"""Servers in real kernels: JupyterLab's ways to end one, and papermill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from onsite.services import folders

CELL = """
import json
from onsite.services import postgres, valkey, process, folders
pg, kv = postgres(), valkey()
with pg.connect() as connection:
    assert connection.execute("SELECT 1").fetchone() == (1,)
assert kv.client.ping()
print(json.dumps([{"port": s.port, "folder": str(s.folder), "keeper": s._keeper.pid,
                   "pid": folders.read_entry(s.folder)["pid"]} for s in process._servers]))
"""
Gone = Callable[[list[dict[str, Any]]], None]


def run(client: BlockingKernelClient) -> list[dict[str, Any]]:
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        said.append(content.get("text", "") or "\n".join(content.get("traceback", [])))

    reply = client.execute_interactive(CELL, output_hook=hear, timeout=60)
    assert reply["content"]["status"] == "ok", said
    servers: list[dict[str, Any]] = json.loads("".join(said))
    assert len(servers) == 2
    return servers


def shut_down(manager: KernelManager) -> None:
    manager.shutdown_kernel()


def restart(manager: KernelManager) -> None:
    manager.restart_kernel()


def kill(manager: KernelManager) -> None:
    assert manager.provisioner is not None
    os.kill(manager.provisioner.pid, signal.SIGKILL)  # type: ignore[attr-defined]


def kill_group(manager: KernelManager) -> None:
    assert manager.provisioner is not None
    os.killpg(manager.provisioner.pid, signal.SIGKILL)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [shut_down, restart, kill, kill_group])
def test_nothing_is_left_of_a_kernel(
    ending: Callable[[KernelManager], None], assert_gone: Gone
) -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        servers = run(client)
        ending(manager)
        assert_gone(servers)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_papermill(tmp_path: Path, assert_gone: Gone) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "x"}
    notebook.cells = [nbformat.v4.new_code_cell(CELL), nbformat.v4.new_code_cell("pg")]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    done = papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False
    )
    servers = json.loads(done.cells[0].outputs[0]["text"])
    (card,) = done.cells[1].outputs
    assert "PostgreSQL" in card["data"]["text/html"]
    assert_gone(servers)
    assert not [folder for folder in folders.server_folders() if str(folder) in str(servers)]
