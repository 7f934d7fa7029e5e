"""Web applications on real servers: started, healthy, drained, stopped."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.services.owners import Owner, is_alive, is_open, wait_until

from onsite.errors import OnsiteError
from onsite.services import folders, postgres, process, web

#: What an application says when it has a request that takes long.
SLOW = "a slow request is under way"


def wsgi_app(answer: str = "hello", status: str = "200 OK") -> Any:
    """An application as a notebook makes them: it travels by value, with what it closes over."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        import os
        import time

        if environ["PATH_INFO"] == "/slow":
            print(SLOW, flush=True)
            time.sleep(float(environ["QUERY_STRING"]))
        start_response(status, [("Content-Type", "text/plain")])
        return [f"{answer} {os.getpid()} {os.environ.get('COLOUR', '')}".encode()]

    return application


def asgi_app(answer: str = "hello", status: int = 200) -> Any:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        import asyncio
        import os

        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    print("lifespan is over")
                    return
        if scope["path"] == "/slow":
            print(SLOW, flush=True)
            await asyncio.sleep(float(scope["query_string"]))
        await send({"type": "http.response.start", "status": status, "headers": []})
        body = f"{answer} {os.getpid()} {os.environ.get('COLOUR', '')}"
        await send({"type": "http.response.body", "body": body.encode()})

    return application


PAIRS = [
    ("uvicorn", asgi_app),
    ("uvicorn", wsgi_app),
    ("gunicorn", wsgi_app),
    ("gunicorn", asgi_app),
    ("hypercorn", asgi_app),
    ("hypercorn", wsgi_app),
    ("waitress", wsgi_app),
]


@pytest.mark.slow
@pytest.mark.parametrize(("server", "make"), PAIRS)
def test_each_server_starts_drains_comes_back_and_stops(
    server: str, make: Callable[..., Any]
) -> None:
    with web(make("salut"), server) as site:
        assert site.state == "running"
        assert site.is_healthy()
        word, pid, _ = site.client.get("/").text.split(" ")
        assert word == "salut"
        assert int(pid) in site.worker_pids()
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(httpx.get, f"{site.url}/slow?1.5", timeout=20)
            process = site._private()
            wait_until(lambda: SLOW in process.log_tail(), "the request is under way")
            site.drain()
            assert slow.result().text.startswith("salut")
        assert site.state == "stopped"
        assert not is_open(process.port)
        assert not site.is_healthy()
        site.start()
        assert httpx.get(site.url).text.startswith("salut")
    assert not is_open(process.port)
    assert not is_alive(int(pid))


@pytest.mark.slow
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "hypercorn"])
def test_workers_are_processes_and_a_killed_one_is_replaced(server: str) -> None:
    app = wsgi_app() if server == "gunicorn" else asgi_app()
    with web(app, server, workers=2) as site:
        wait_until(lambda: len(site.worker_pids()) == 2, "both workers are there")
        before = site.worker_pids()
        if server != "hypercorn":  # it ends when a worker dies
            os.kill(before[0], signal.SIGKILL)
            wait_until(
                lambda: len(set(site.worker_pids()) - set(before)) == 1, "the worker is replaced"
            )
            assert site.client.get("/").status_code == 200
    assert not any(map(is_alive, before))


def test_waitress_serves_with_threads() -> None:
    with web(wsgi_app(), "waitress", workers=2) as site, ThreadPoolExecutor() as pool:
        answers = pool.map(lambda _: httpx.get(f"{site.url}/slow?0.3").text, range(2))
        assert len(set(answers)) == 1, "one process"
        assert "2 threads" in repr(site)


def test_several_instances_that_behave_differently() -> None:
    with (
        web(wsgi_app("good"), "waitress") as good,
        web(wsgi_app("bad", "503 Service Unavailable"), "waitress") as bad,
        web(asgi_app("blue"), environment={"COLOUR": "blue"}) as blue,
    ):
        assert good.client.get("/").text.startswith("good")
        assert bad.client.get("/").status_code == 503
        assert blue.client.get("/").text.endswith("blue")
        assert [site.is_healthy() for site in (good, bad, blue)] == [True, False, True]
        bad.stop()
        assert [site.is_healthy() for site in (good, bad, blue)] == [True, False, True]


def test_health_is_asked_at_its_own_path() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        ok = environ["PATH_INFO"] == "/healthz"
        start_response("200 OK" if ok else "500 Internal Server Error", [])
        return [b""]

    with web(application, "waitress", health="/healthz") as site:
        assert site.is_healthy()
        assert site.client.get("/").status_code == 500


def test_starting_does_not_call_the_application(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    tmp_path.chmod(0o777)

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with open(calls, "a") as file:  # noqa: PTH123
            file.write(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b""]

    with web(application, "waitress") as site:
        assert not calls.exists()
        site.client.get("/one")
    assert calls.read_text() == "/one"


def test_an_application_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_site.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'from a module'})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with web("my_site:app", options=("--lifespan", "off", "--header", "x-by:me")) as site:
        answer = site.client.get("/")
        assert answer.text == "from a module"
        assert answer.headers["x-by"] == "me"


def test_a_class_and_an_object_as_applications() -> None:
    class Site:
        def __init__(self, word: str) -> None:
            self.word = word

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": self.word.encode()})

    with web(Site("object"), options=("--lifespan", "off")) as site:
        assert site.client.get("/").text == "object"
        assert "ASGI application Site" in site._repr_html_()


def test_an_application_that_does_not_start_shows_why_and_leaves_nothing() -> None:
    before = list(folders.server_folders()), process._servers.copy()
    for server in ("uvicorn", "gunicorn"):
        with pytest.raises(OnsiteError, match=r"(?s)did not start .*odule .*'?\"?no_such_site"):
            web("no_such_site:app", server)
    assert (list(folders.server_folders()), process._servers) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((wsgi_app(), "apache"), "knows the servers uvicorn, gunicorn.* not 'apache'"),
        ((asgi_app(), "waitress"), "waitress serves WSGI applications, and this is one for ASGI"),
        ((wsgi_app(), "waitress", 0), "at least one worker, not 0"),
        ((42,), "takes a WSGI or ASGI application or its name 'module:app', not 42"),
    ],
)
def test_what_cannot_be_served(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(OnsiteError, match=message):
        web(*arguments)


def test_an_application_that_holds_a_connection_is_refused_with_a_reason() -> None:
    with postgres() as pg, pg.connect() as connection:

        def application(environ: Any, start_response: Any) -> Any:
            return connection.execute("SELECT 1")

        with pytest.raises(OnsiteError, match=r"cannot be copied .*by an address, such as pg\.url"):
            web(application, "waitress")


def test_a_server_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(
        OnsiteError, match=r"no hypercorn in this Python; install it with `pip inst"
    ):
        web(asgi_app(), "hypercorn")


@pytest.mark.slow
@pytest.mark.parametrize(("server", "make"), [PAIRS[0], PAIRS[2], PAIRS[4], PAIRS[6]])
def test_a_port_that_is_taken_meanwhile_is_given_up(
    server: str, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(wsgi_app("stranger"), "waitress") as stranger:
        taken, free = stranger._private().port, process.free_port()
        ports = iter([taken, free])
        monkeypatch.setattr(process, "free_port", lambda: next(ports))
        with web(make("mine"), server) as site:
            assert site.url.endswith(f":{free}")
            assert site.client.get("/").text.startswith("mine")


def test_closing_does_not_wait_for_requests_and_using_it_after_that_is_clear() -> None:
    site = web(wsgi_app(), "gunicorn")
    with socket.create_connection(("127.0.0.1", site._private().port)) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: SLOW in site._private().log_tail(), "the request is under way")
        site.close()
        site.close()
        assert site.state == "closed"
    for use in (lambda: site.url, lambda: site.client, site.is_healthy, site.drain):
        with pytest.raises(OnsiteError, match=r"closed; call web\(\) for a new one"):
            use()


@pytest.mark.slow
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "hypercorn", "waitress"])
def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None], server: str
) -> None:
    code = (
        "from onsite.services import web\n"
        "def app(environ, start_response):\n"
        "    time.sleep(60)\n"
        f"site = web(app, {server!r}, workers=2, grace=1); say(site.worker_pids())\n"
        "import socket\n"
        "client = socket.create_connection(('127.0.0.1', site._server.port))\n"
        "client.sendall(b'GET / HTTP/1.1' + bytes([13, 10]) + b'Host: x' + bytes([13, 10] * 2))\n"
        "time.sleep(.3); say(describe()); time.sleep(60)"
    )
    owner = own(code)
    workers = owner.hear()
    servers = owner.hear()
    owner.process.kill()
    assert_gone(servers)
    for pid in workers:
        wait_until(lambda: not is_alive(pid), f"worker {pid} is gone")  # noqa: B023


def test_it_is_the_python_of_this_environment() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        import json
        import sys

        start_response("200 OK", [])
        return [json.dumps([sys.executable, sys.prefix]).encode()]

    with web(application, "waitress") as site:
        assert json.loads(site.client.get("/").text) == [sys.executable, sys.prefix]
