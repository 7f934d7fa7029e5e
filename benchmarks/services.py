"""Time each service's handle beside the same program started by hand.

Usage: .venv/bin/python benchmarks/services.py [--repeats N] [NAME...]

Prints a Markdown table: medians of seconds until the handle is there, of its first operation and
of closing it, and the memory of what then runs. "By hand" is the same command on the same data
folder, without a keeper, a lock, a folder of our own and a look-up: from the making of the data
folder to the first answer, and from the stop signal to the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from smtplib import SMTP
from typing import Any

import httpx
import psutil
from celery import Celery
from redis import Redis

from onsite import services
from onsite.services import folders, process
from onsite.services.family import family


@dataclass(frozen=True)
class Case:
    """How one handle is started and first used."""

    start: Callable[[Any], Any]
    """Takes what `before` gave."""
    operate: Callable[[Any], object]
    before: Callable[[], Any] = lambda: None
    """Makes what the handle stands on; not timed."""
    answers: bool = True
    """Whether it can be asked when it is there, as a program run by hand must be."""


def send_mail(post: Any) -> None:
    """A mail, and that it has arrived."""
    with SMTP(post.host, post.port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: x\n\nx")
    post.wait(1)


def gunicorn() -> services.Web:
    """The application that Python itself has for tries."""
    return services.web("wsgiref.simple_server:demo_app", "gunicorn")


def produce(kafka: Any) -> None:
    """A record that the broker has acknowledged."""
    producer = kafka.producer()
    producer.produce("t", "x")
    if producer.flush(10):
        raise RuntimeError("the record was not acknowledged")


def first_request(run: services.Load) -> None:
    """Until the generator is connected to what it asks."""
    while run.state == "running":
        found = (c for one in family(run._server.folder) for c in one.net_connections("tcp"))
        if any(c.status == psutil.CONN_ESTABLISHED for c in found):
            return
        time.sleep(0.002)
    raise RuntimeError(f"the generator asked nothing: it is {run.state}")


def celery_app() -> tuple[Any, Any]:
    """A broker and an app with a task."""
    kv = services.valkey()
    app = Celery("benchmark", broker=kv.url, backend=kv.url)

    @app.task(name="add")
    def add(one: int, other: int) -> int:
        return one + other

    return kv, app


CASES = {
    "postgres": Case(
        lambda _: services.postgres(), lambda pg: pg.connect().execute("SELECT 1").fetchone()
    ),
    "postgres_cluster": Case(
        lambda _: services.postgres_cluster(), lambda c: c.connect().execute("SELECT 1").fetchone()
    ),
    "pgbouncer": Case(
        lambda pg: services.pgbouncer(pg),
        lambda pool: pool.connect().execute("SELECT 1").fetchone(),
        before=lambda: services.postgres(),
    ),
    "valkey": Case(lambda _: services.valkey(), lambda kv: kv.client.incr("n")),
    "valkey_cluster": Case(
        lambda _: services.valkey_cluster(), lambda ring: ring.client.set("k", 1)
    ),
    "memcached": Case(lambda _: services.memcached(), lambda cache: cache.client.set("k", "v")),
    "mariadb": Case(
        lambda _: services.mariadb(), lambda db: db.connect().cursor().execute("SELECT 1")
    ),
    "rabbitmq": Case(
        lambda _: services.rabbitmq(), lambda mq: mq.connect().channel().queue_declare("q")
    ),
    "faulty": Case(
        lambda kv: services.faulty(kv),
        lambda link: Redis.from_url(link.url).ping(),
        before=lambda: services.valkey(),
    ),
    "web": Case(lambda _: gunicorn(), lambda site: site.client.get("/")),
    "nginx": Case(
        lambda site: services.nginx(app=[site]),
        lambda front: httpx.get(front.url),
        before=gunicorn,
    ),
    "load": Case(
        lambda site: services.load(site, rate=100, seconds=30),
        first_request,
        before=gunicorn,
        answers=False,
    ),
    "haproxy": Case(
        lambda site: services.haproxy(app=[site]),
        lambda front: httpx.get(front.url),
        before=gunicorn,
    ),
    "supervisor": Case(
        lambda _: services.supervisor({"worker": {"command": "sleep 600", "startsecs": 0}}),
        lambda sv: sv.wait("worker"),
    ),
    "kafka": Case(lambda _: services.kafka(), produce),
    "celery_worker": Case(
        lambda stand: services.celery_worker(stand[1]),
        lambda worker: worker._app.tasks["add"].delay(1, 2).get(timeout=30),
        before=celery_app,
    ),
    "smtp": Case(lambda _: services.smtp(), send_mail),
    "oidc": Case(lambda _: services.oidc(), lambda op: op.rotate_keys()),
    "s3": Case(
        lambda _: services.s3(),
        lambda store: store.client.put_object(Bucket=store.bucket, Key="k", Body=b"x"),
    ),
}


@dataclass
class Measured:
    """Seconds, and megabytes."""

    start: float
    first: float
    stop: float
    memory: float


def megabytes(found: psutil.Process) -> float:
    """What a process and all below it take, shared pages divided among those that share them."""
    total = 0
    for one in (found, *found.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a backend of a connection that has ended meanwhile
            full = one.memory_full_info()
            total += getattr(full, "pss", full.rss)
    return total / 1e6


@contextmanager
def stand_for(case: Case) -> Iterator[Any]:
    """What `case` needs, closed afterwards."""
    stand = case.before()
    try:
        yield stand
    finally:
        handle = stand[0] if isinstance(stand, tuple) else stand
        if handle is not None:
            handle.close()
        process.close_servers()


def by_handle(case: Case, stand: Any) -> tuple[Measured, list[process.Recipe]]:
    """Start, use and close the handle once; and how its servers were run."""
    there = list(process._servers)
    began = time.perf_counter()
    handle = case.start(stand)
    started = time.perf_counter()
    case.operate(handle)
    used = time.perf_counter()
    ours = [server for server in process._servers if server not in there]
    entries = [folders.read_entry(server.folder) for server in ours]
    memory = sum(megabytes(psutil.Process(entry["keeper"])) for entry in entries if entry)
    stopping = time.perf_counter()
    handle.close()
    for server in ours:  # postgres() leaves its server to the next call
        server.close()
    stopped = time.perf_counter()
    measured = Measured(started - began, used - started, stopped - stopping, memory)
    return measured, [server.recipe for server in ours]


def by_hand(recipe: process.Recipe) -> Measured:
    """Run what `recipe` says, without anything of ours around it."""
    account = recipe.account()
    with tempfile.TemporaryDirectory(dir=folders.home()) as name:
        data, port = Path(name, "data"), process.free_port()
        Path(name).chmod(0o711)
        data.mkdir(mode=0o700)
        identity: dict[str, Any] = {}
        began = time.perf_counter()
        command = [str(word) for word in recipe.prepare(data, port)]
        if account is not None:
            account.owns(data)
            identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
        with Path(name, "log").open("wb") as log:
            server = subprocess.Popen(
                command,
                cwd=data,
                env=process.server_environment() | dict(recipe.environment),
                stdout=log,
                stderr=log,
                umask=0o077,
                **identity,
            )
        # by this some handles tell their own processes from strangers
        Path(name, "entry.json").write_text(json.dumps({"pid": server.pid}), encoding="utf-8")
        while not recipe.ready(data, port):
            if server.poll() is not None or time.perf_counter() > began + process.START_SECONDS:
                server.kill()
                raise RuntimeError(
                    f"{recipe.service} did not start: {Path(name, 'log').read_text()}"
                )
            time.sleep(0.002)
        started = time.perf_counter()
        memory = megabytes(psutil.Process(server.pid))
        stopping = time.perf_counter()
        server.send_signal(recipe.stop_signal)
        server.wait()
        return Measured(started - began, 0, time.perf_counter() - stopping, memory)


def middle(numbers: Iterable[float], digits: int = 3) -> str:
    """The median, as a cell."""
    return f"{statistics.median(numbers):.{digits}f}"


def row(name: str, case: Case, repeats: int) -> str:
    """A line of the table."""
    ours, theirs = [], []
    with stand_for(case) as stand:
        by_handle(case, stand)  # what is made only once: templates, packages, imports
        for _ in range(repeats):
            measured, recipes = by_handle(case, stand)
            ours.append(measured)
            if len(recipes) == 1 and case.answers:  # several depend on each other
                theirs.append(by_hand(recipes[0]))
    cells = [f"`{name}()`", str(len(recipes))]
    cells += [middle(one.start for one in ours), middle(one.first for one in ours)]
    cells += [middle(one.stop for one in ours), middle((one.memory for one in ours), 0)]
    if theirs:
        cells += [middle(one.start for one in theirs), middle(one.stop for one in theirs)]
        cells.append(middle((one.memory for one in theirs), 0))
    else:
        cells += [""] * 3
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if unknown := set(options.names) - set(CASES):
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    handles = {name for name in services.__all__ if name.islower()} - {"redis"}
    if missing := handles - set(CASES):
        print(f"not measured: {', '.join(sorted(missing))}", file=sys.stderr)
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d')}, load before {os.getloadavg()[0]:.1f}, "
        f"medians of {options.repeats}\n"
    )
    print(
        "| handle | servers | start, s | first operation, s | close, s | memory with keeper, MB "
        "| start by hand, s | stop by hand, s | memory by hand, MB |\n" + "|---" * 9 + "|"
    )
    for name, case in CASES.items():
        if not options.names or name in options.names:
            print(row(name, case, options.repeats), flush=True)


if __name__ == "__main__":
    main()
