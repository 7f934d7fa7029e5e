"""Every handle starts and works for root and ordinary users, with no network but a loopback."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.services.every import EVERY
from tests.services.owners import SOURCE, Owner, is_alive, wait_until
from tests.services.test_account import ROOT, STRANGER, place

import onsite.services

__all__ = ["place"]  # a fixture
IMPORT = "from onsite.services import *\n"
TELL = (
    "import psutil\n"
    "below = psutil.Process().children(recursive=True); uids = set()\n"
    "for one in below:\n"
    "    try: uids.add(one.uids().effective)\n"
    "    except psutil.NoSuchProcess: pass\n"  # a backend whose client has gone
    "say(describe()); say([one.pid for one in below]); say(sorted(uids)); time.sleep(60)\n"
)


def test_none_is_missing() -> None:
    functions = {name for name in onsite.services.__all__ if name.islower()}
    assert functions == {name.split()[0] for name in EVERY}


def test_the_stub_says_what_there_is() -> None:
    stub = ast.parse(Path(onsite.services.__file__).with_suffix(".pyi").read_text())
    homes = {
        name.name: each.module
        for each in stub.body
        if isinstance(each, ast.ImportFrom)
        for name in each.names
    }
    (told,) = (ast.literal_eval(each.value) for each in stub.body if isinstance(each, ast.Assign))
    assert homes.keys() == {*told} == {*onsite.services.__all__}
    for name, home in homes.items():
        assert home is not None
        found = getattr(onsite.services, name)
        assert found is getattr(importlib.import_module(home), name)
    assert {*dir(onsite.services)} >= {*told}
    with pytest.raises(AttributeError, match="has no attribute 'postgress'"):
        _ = onsite.services.postgress


@pytest.fixture(scope="session")
def stranger(place: Path, runtime: Path) -> dict[str, Any]:
    """How an `Owner` runs as an ordinary user who has all that is installed.

    For root that is somebody else, who sees this Python and its packages at places within reach:
    they are mounted there for the owner alone, since an environment is too large to be copied.
    """
    if not ROOT:
        return {}
    sites = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    seen = place / "seen"
    mounts = {seen / "python": sys.base_prefix, seen / "source": str(SOURCE)}
    mounts |= {seen / f"site{number}": site for number, site in enumerate(sites)}
    for target in mounts:
        target.mkdir(parents=True)
    home = runtime.with_name("the home of a stranger")  # RabbitMQ can do with spaces
    (home / "runtime" / "packages").mkdir(parents=True)
    for package in (runtime / "packages").resolve().iterdir():
        if (package / "package.json").exists():  # the others they fetch themselves
            (home / "runtime" / "packages" / package.name).symlink_to(package)
    subprocess.run(["chown", "-R", f"{STRANGER.uid}:{STRANGER.gid}", str(home)], check=True)
    commands = [shlex.join(["mount", "--bind", what, str(at)]) for at, what in mounts.items()]
    drop = f"exec setpriv --reuid={STRANGER.uid} --regid={STRANGER.gid} --clear-groups"
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    script = "\n".join([*commands, f'{drop} "$@"'])
    return {
        "command": ("unshare", "-m", "sh", "-ec", script, "sh", str(seen / "python/bin" / python)),
        "env": {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ONSITE_RUNTIME": str(home / "runtime"),
            "PYTHONPATH": ":".join(str(path) for path in mounts if path.name != "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_LIBRARY_PATH": str(seen / "python" / "lib"),
        },
        "cwd": "/",
    }


@pytest.mark.slow
@pytest.mark.parametrize("service", EVERY)
def test_an_ordinary_user_has_it_and_their_sigkill_leaves_nothing(
    own: Callable[..., Owner],
    assert_gone: Callable[[Any], None],
    stranger: dict[str, Any],
    service: str,
) -> None:
    owner = own(IMPORT + EVERY[service] + TELL, **stranger)
    servers, processes, uids = owner.hear(), owner.hear(), owner.hear()
    assert len(processes) >= 2 * len(servers)
    assert uids == [STRANGER.uid if ROOT else os.geteuid()]
    os.kill(owner.process.pid, signal.SIGKILL)
    assert_gone(servers)
    for pid in processes:
        wait_until(lambda: not is_alive(pid), f"process {pid} is gone")  # noqa: B023


LONELY = """
import errno, fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # from <linux/sockios.h> and <linux/if.h>
assert [name for _, name in socket.if_nameindex()] == ["lo"]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    assert any_socket.connect_ex(("192.0.2.1", 9)) == errno.ENETUNREACH
from onsite.services import handle as handles
for name, code in json.loads(sys.stdin.readline()).items():
    space = {}
    exec("from onsite.services import *\\n" + code, space)
    say([name, space["handle"].state])
    handles.close_all()
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_a_loopback_of_its_own_is_network_enough(own: Callable[..., Owner]) -> None:
    # what comes from Debian is fetched while there is a network
    for service in ("mariadb", "memcached", "pgbouncer", "rabbitmq"):
        space: dict[str, Any] = {}
        exec(IMPORT + EVERY[service], space)  # noqa: S102 (our own table)
        space["handle"].close()
    # root of a user namespace would be taken for root, so an ordinary user keeps the id
    alone = () if ROOT else ("--user", "--map-current-user", "--keep-caps")
    owner = own(LONELY, command=("unshare", *alone, "--net", sys.executable))
    owner.go_on(json.dumps(EVERY))
    for service in EVERY:
        assert owner.hear() == [service, "running"]
    assert owner.end() == 0
