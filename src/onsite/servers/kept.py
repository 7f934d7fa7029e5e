"""What a server of ours does under its keeper: reads its settings, drops root, says it is ready.

It runs in its data folder. `onsite.services.python_program` is the other side.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

SETTINGS = "settings.json"
READY = "ready"
HERE = Path.cwd()
# What Python itself imports at the first use, when root's Python may be out of reach.
LATE = ("_strptime", "encodings.hex_codec", "encodings.idna", "encodings.latin_1", "hmac")
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def settings() -> dict[str, Any]:
    """Read what the handle wants; `port` is where to listen on 127.0.0.1."""
    wanted: dict[str, Any] = json.loads((HERE / SETTINGS).read_text(encoding="utf-8"))
    return wanted


def drop_root(account: list[int] | None) -> None:
    """Become `account` (uid, gid), for good. None: stay who we are.

    It is done here, after the imports, and not by the keeper, because root's Python often lies
    where no other account can read it.
    """
    if account is None:
        return
    for module in LATE:
        importlib.import_module(module)
    keeper = os.getppid()
    uid, gid = account
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux":  # the change disarmed what the keeper asked the kernel for
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != keeper:
            sys.exit(1)


def say_ready(**facts: Any) -> None:
    """Let the handle know that clients are served, and what it must know to be one."""
    new = HERE / f"{READY}.new"
    new.write_text(json.dumps(facts), encoding="utf-8")
    new.replace(HERE / READY)
