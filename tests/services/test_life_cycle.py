"""Nothing outlives its owner, however that ends, and nothing else ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tests.services.every import EVERY
from tests.services.owners import Owner, is_alive, is_open, open_files, wait_until

from onsite.services import Postgres, Valkey, folders, postgres, process, valkey

Own = Callable[..., Owner]
Gone = Callable[[list[dict[str, Any]]], None]
BOTH = "pg = postgres(); kv = valkey(); say(describe())\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('a cell failed')", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1)'])", 0),
    ],
)
def test_nothing_is_left_when_the_owner_ends(
    own: Own, assert_gone: Gone, ending: str, code: int
) -> None:
    owner = own(BOTH + ending)
    servers = owner.hear()
    assert len(servers) == 2
    assert owner.end() == code
    assert_gone(servers)


ASK_FOR_A_PASSWORD = {"mariadb", "pgbouncer", "postgres", "rabbitmq", "valkey"}


@pytest.mark.slow
@pytest.mark.parametrize("service", EVERY)
def test_nothing_is_left_of_any_service_when_the_owner_is_killed(
    own: Own, assert_gone: Gone, service: str
) -> None:
    owner = own(
        f"from onsite.services import *\n{EVERY[service]}"
        "import psutil\n"
        "from urllib.parse import urlsplit\n"
        "all_of_it = psutil.Process().children(recursive=True)\n"
        "say(describe()); say([one.pid for one in all_of_it])\n"
        "words = [one.info['cmdline'] for one in psutil.process_iter(['cmdline'])]\n"
        "secret = urlsplit(handle.url).password\n"
        "shown = [line for line in words if secret and secret in ' '.join(line or [])]\n"
        "say([bool(secret), shown]); time.sleep(60)\n"
    )
    servers, processes = owner.hear(), owner.hear()
    assert len(processes) >= 2 * len(servers)
    has_password, shown = owner.hear()
    assert has_password or service not in ASK_FOR_A_PASSWORD
    assert shown == [], "everybody can see the words of a command"
    os.kill(owner.process.pid, signal.SIGKILL)
    assert_gone(servers)
    for pid in processes:
        wait_until(lambda: not is_alive(pid), f"process {pid} is gone")  # noqa: B023


def test_nothing_is_left_after_sigkill_while_a_forked_child_holds_the_pipe(
    own: Own, assert_gone: Gone
) -> None:
    # forked behind Python's back, so that the child keeps the owner's end of the keeper's pipe
    owner = own(
        "import ctypes\n" + BOTH + "child = ctypes.CDLL(None).fork()\n"
        "if child == 0: time.sleep(60)\n"
        "say(child); time.sleep(60)\n"
    )
    servers, child = owner.hear(), owner.hear()
    os.kill(owner.process.pid, signal.SIGKILL)
    try:
        assert_gone(servers)
        assert is_alive(child), "the child was meant to outlive the servers"
    finally:
        os.kill(child, signal.SIGKILL)


def test_interrupt_of_the_whole_process_group_leaves_servers_alone(own: Own) -> None:
    # this is how Jupyter interrupts a kernel
    owner = own(
        "try:\n    pg = postgres(); kv = valkey(); say(1); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(.5)\n"
        "    say([pg.state, kv.state, kv.client.ping()])\n",
        start_new_session=True,
    )
    owner.hear()
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.hear() == ["running", "running", True]


def test_a_killed_keeper_takes_its_server_along_and_the_next_start_cleans_up(own: Own) -> None:
    owner = own(BOTH + "sys.stdin.readline(); say([pg.state, kv.state]); time.sleep(60)")
    servers = owner.hear()
    for one in servers:
        os.kill(one["keeper"], signal.SIGKILL)
    if os.uname().sysname == "Linux":  # elsewhere the cleaning below has to end them
        for one in servers:
            wait_until(lambda: not is_alive(one["pid"]), f"{one} ended by the kernel")  # noqa: B023
    owner.go_on()
    assert owner.hear() == ["closed", "closed"]
    valkey().close()
    for one in servers:
        assert not Path(one["folder"]).exists()
        assert not is_alive(one["pid"])
        assert not is_open(one["port"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending", ["sys.exit()", "os._exit(0)", "pg.close(); kv.close(); sys.exit()"]
)
def test_a_forked_child_uses_the_servers_and_leaves_them(own: Own, ending: str) -> None:
    owner = own(
        BOTH + "if os.fork() == 0:\n"
        "    with pg.connect() as c: found = c.execute('SELECT 42').fetchone()\n"
        "    say([found, kv.client.ping(), kv.url == kv._space.url, pg.state])\n"
        f"    {ending}\n"
        "os.wait()\n"
        "with pg.connect() as c: say(c.execute('SELECT 43').fetchone())\n"
        "say([pg.state, kv.client.ping(), kv.state])\n"
    )
    owner.hear()
    assert owner.hear() == [[42], True, True, "running"]
    assert owner.hear() == [43]
    assert owner.hear() == ["running", True, "running"]


def test_multiprocessing_children_leave_the_servers(own: Own) -> None:
    owner = own(
        BOTH + "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    fork = multiprocessing.get_context('fork')\n"
        "    child = fork.Process(target=kv.client.incr, args=('n',))\n"
        "    child.start(); child.join()\n"
        "    say([child.exitcode, kv.client.get('n'), pg.state, kv.state])\n"
    )
    owner.hear()
    assert owner.hear() == [0, "1", "running", "running"]


@pytest.mark.slow
def test_a_child_forked_from_a_warm_parent_has_servers_of_its_own(
    own: Own, assert_gone: Gone
) -> None:
    # the grading runner does this: the parent goes on, the child is killed when it takes too long
    owner = own(
        BOTH + "child = os.fork()\n"
        "if child == 0:\n"
        "    mine = postgres(); other = valkey(); other.client.set('x', 1)\n"
        "    say([describe(), other.url != kv.url]); time.sleep(60)\n"
        "sys.stdin.readline(); os.kill(child, signal.SIGKILL); os.wait()\n"
        "time.sleep(.5); say([pg.state, kv.client.get('x')]); time.sleep(60)\n"
    )
    parents = owner.hear()
    childs, other = owner.hear()
    assert other
    assert not {one["port"] for one in parents} & {one["port"] for one in childs}
    owner.go_on()
    assert_gone(childs)
    assert owner.hear() == ["running", None]


@pytest.mark.slow
def test_two_owners_at_once_do_not_disturb_each_other(own: Own, assert_gone: Gone) -> None:
    # also the first start of all: both may want to make the template
    one, two = (own(BOTH + "sys.stdin.readline(); say(kv.client.ping())\n") for _ in range(2))
    ones, twos = one.hear(), two.hear()
    assert not {server["port"] for server in ones} & {server["port"] for server in twos}
    one.process.kill()
    assert_gone(ones)
    two.go_on()
    assert two.hear() is True
    assert two.end() == 0
    assert_gone(twos)


@pytest.mark.slow
def test_two_first_starts_make_one_template(own: Own, runtime: Path) -> None:
    fresh = runtime.with_name("fresh runtime")
    environment = os.environ | {"ONSITE_RUNTIME": str(fresh)}
    owners = [own("say(postgres().state)", env=environment) for _ in range(2)]
    assert [owner.hear() for owner in owners] == ["running", "running"]
    assert [owner.end() for owner in owners] == [0, 0]
    templates = [path.name for path in (fresh / "templates").iterdir() if path.is_dir()]
    assert len(templates) == 1
    assert templates[0].startswith("postgres-")


@pytest.mark.slow
def test_a_path_that_is_long_and_has_spaces(own: Own, runtime: Path, assert_gone: Gone) -> None:
    long = runtime.with_name("a learner's folder") / ("x" * 100) / ("ü y" * 20)
    owner = own(BOTH, env=os.environ | {"ONSITE_RUNTIME": str(long)})
    servers = owner.hear()
    assert all(one["folder"].startswith(str(long)) for one in servers)
    assert owner.end() == 0
    assert_gone(servers)


CYCLES = 200


def shared_memory() -> dict[str, int]:
    """The System V shared memory the kernel lists: the id of each segment, and who made it."""
    listed = Path("/proc/sysvipc/shm")
    lines = listed.read_text().splitlines()[1:] if listed.exists() else []
    return {fields[1]: int(fields[4]) for fields in (line.split() for line in lines)}


def listeners(port: int) -> set[int | None]:
    """The processes that listen on a port; None for one that only root may see."""
    return {
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_cycles_leak_nothing(runtime: Path) -> None:
    process.close_servers()  # of tests before this one
    # with a setting, PostgreSQL is a server of the handle's own and ends with it
    starts: tuple[Callable[[], Postgres | Valkey], ...] = (
        partial(postgres, work_mem="8MB"),
        valkey,
    )
    seen: list[psutil.Process] = []  # they know processes by more than the id

    def cycle(start: Callable[[], Postgres | Valkey]) -> int:
        with start() as handle:
            assert handle.state == "running"
            port = urlsplit(handle.url).port
            assert port is not None and is_open(port)
            (server,) = (one for one in process._servers.copy() if one.port == port)
            entry = folders.read_entry(server.folder)
            assert entry is not None
            keeper = psutil.Process(entry["keeper"])
            family = (keeper, *keeper.children(recursive=True))
            seen.extend(family)
        # Another test's server may have been given the port in the meantime.
        assert not listeners(port) & {one.pid for one in family}
        return entry["pid"]

    def cycles(start: Callable[[], Postgres | Valkey]) -> list[int]:
        return [cycle(start) for _ in range(CYCLES)]

    me = psutil.Process()
    for start in starts:  # what is made only once
        cycle(start)
    descriptors, files = open_files(), sorted(runtime.rglob("*"))
    others = set(me.children(recursive=True))  # of tests before this one
    segments = shared_memory()  # of servers that other tests killed: their ids come round again
    with ThreadPoolExecutor(len(starts)) as pool:  # either kind waits most of its time
        pids = [pid for some in pool.map(cycles, starts) for pid in some]
    assert len(pids) == len(starts) * CYCLES
    assert set(pids) <= {one.pid for one in seen}
    assert [one for one in seen if one.is_running()] == []
    assert set(me.children(recursive=True)) <= others
    makers = {one.pid for one in seen}
    left = {one: maker for one, maker in shared_memory().items() if maker in makers}
    assert left.keys() <= segments.keys()
    # Those of tests before this one may be closed meanwhile; none may be new.
    assert open_files() <= descriptors
    assert sorted(runtime.rglob("*")) == files
    assert list(folders.server_folders()) == []
