"""HAProxy in front of given servers: balancing, checks, its statistics as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from tests.services.owners import Owner, is_open, wait_until

from onsite.errors import OnsiteError
from onsite.services import HAProxy, Web, folders, haproxy, process, web
from onsite.services.handles import haproxy as module
from onsite.services.programs import find_program


def site(word: str, status: str = "200 OK") -> Web:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [])
        return [word.encode()]

    return web(application, "waitress")


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Web, Web]]:
    with site("a") as a, site("b") as b:
        yield a, b


@pytest.fixture
def front(sites: tuple[Web, Web]) -> Iterator[HAProxy]:
    with haproxy(app=sites) as handle:
        yield handle


def ask(front: HAProxy) -> str:
    return httpx.get(front.url, trust_env=False).text


def test_requests_go_to_the_servers_by_turns_and_are_counted(front: HAProxy) -> None:
    assert Counter(ask(front) for _ in range(6)) == {"a": 3, "b": 3}
    rows = {(row["pxname"], row["svname"]): row for row in front.stats()}
    assert rows.keys() == {
        ("web", "FRONTEND"),
        ("app", "app1"),
        ("app", "app2"),
        ("app", "BACKEND"),
    }
    assert [rows["app", name]["stot"] for name in ("app1", "app2", "BACKEND")] == [3, 3, 6]
    assert rows["web", "FRONTEND"]["hrsp_2xx"] == 6
    assert rows["app", "app1"]["check_status"] == "L7OK" or rows["app", "app1"]["status"] == "UP"
    assert rows["web", "FRONTEND"]["qcur"] is None, "what does not apply"
    table = pd.DataFrame(front.stats()).set_index(["pxname", "svname"])
    assert table.loc[("app", "BACKEND"), "stot"] == 6


def test_a_server_that_fails_is_found_out_and_comes_back() -> None:
    with site("a") as a, site("b") as b, haproxy(app=[a, b]) as front:
        wait_until(lambda: front.servers() == {"app1": "UP", "app2": "UP"}, "both are up")
        b.stop()
        wait_until(lambda: front.servers()["app2"] == "DOWN", "it is found to be gone")
        assert {ask(front) for _ in range(4)} == {"a"}
        b.start()
        wait_until(lambda: front.servers()["app2"] == "UP", "it is back")
        assert {ask(front) for _ in range(4)} == {"a", "b"}


def test_a_server_that_answers_badly_is_taken_out() -> None:
    with (
        site("a") as a,
        site("x", "503 Service Unavailable") as bad,
        haproxy(app=[a, bad]) as front,
    ):
        wait_until(lambda: front.servers()["app2"] == "DOWN", "its check has failed")
        row = next(row for row in front.stats() if row["svname"] == "app2")
        assert (row["check_status"], row["check_code"]) == ("L7STS", 503)


def test_operators_take_servers_out_and_back(front: HAProxy) -> None:
    front.set_state("app", "app1", "drain")
    assert front.servers()["app1"] == "DRAIN"
    assert {ask(front) for _ in range(4)} == {"b"}
    front.set_state("app", "app1", "maint")
    assert front.servers()["app1"] == "MAINT"
    front.set_state("app", "app1", "ready")
    wait_until(lambda: front.servers()["app1"].startswith("UP"), "it is back")
    for arguments, message in {
        ("app", "app9", "drain"): "the backend app has no server 'app9'",
        ("none", "app1", "drain"): "no backend 'none'",
        ("app", "app1", "off"): "ready, drain, maint, not 'off'",
    }.items():
        with pytest.raises(OnsiteError, match=message):
            front.set_state(*arguments)  # type: ignore[arg-type]


def test_a_configuration_of_ones_own(sites: tuple[Web, Web]) -> None:
    config = """
frontend web
    bind {address}
    acl is_b path_beg /b
    use_backend second if is_b
    default_backend app
backend second
    server only {b}
"""
    with haproxy(config, app=[sites[0]], b=sites[1]) as front:
        assert httpx.get(front.url + "/").text == "a"
        assert httpx.get(front.url + "/b").text == "b"
        assert front.servers("second") == {"only": "no check"}


def test_stop_start_and_what_is_said_meanwhile(front: HAProxy) -> None:
    front.stop()
    with pytest.raises(OnsiteError, match=r"HAProxy does not answer .*does it run"):
        front.stats()
    front.start()
    assert ask(front) in "ab"
    assert len(front.stats()) == 4


def test_statistics_need_a_password(front: HAProxy) -> None:
    page = httpx.URL(front.stats_url)
    assert page.host == "127.0.0.1"
    assert httpx.get(page.copy_with(userinfo=b"")).status_code == 401
    assert page.password and page.password not in front._repr_html_()


def test_a_bad_configuration_shows_why_and_leaves_nothing() -> None:
    before = list(folders.server_folders())
    with pytest.raises(OnsiteError, match=r"(?s)did not start.*unknown keyword 'hello'"):
        haproxy("hello")
    assert list(folders.server_folders()) == before


def test_ports_that_are_taken_meanwhile(
    sites: tuple[Web, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = sites[0]._private().port
    # for the first attempt its own port, for the second that of its statistics
    ports = iter([taken, *(process.free_port() for _ in range(2)), taken])
    more = process.free_port
    monkeypatch.setattr(process, "free_port", lambda: next(ports, None) or more())
    with haproxy(app=sites) as front:
        assert {ask(front) for _ in range(2)} == {"a", "b"}
    assert next(ports, None) is None


def test_closed(sites: tuple[Web, Web]) -> None:
    front = haproxy(app=sites)
    port = front._private().port
    assert f"HAProxy {front.version}" in front._repr_html_()
    front.close()
    front.close()
    assert not is_open(port)
    for use in (lambda: front.url, front.stats, lambda: front.stats_url):
        with pytest.raises(OnsiteError, match=r"closed; call haproxy\(\) for a new one"):
            use()


def test_own_server(front: HAProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_HAPROXY_URL", front.stats_url)
    with haproxy(app=["127.0.0.1:1"]) as own:
        assert own.version == front.version
        assert len(own.stats()) == 4
        with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
            own.stop()


def test_own_server_that_is_none(sites: tuple[Web, Web], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_HAPROXY_URL", sites[0].url)
    with pytest.raises(OnsiteError, match="is not HAProxy's page of statistics"):
        haproxy()
    monkeypatch.setenv("ONSITE_HAPROXY_URL", "http://me:secret@127.0.0.1:1/")
    with pytest.raises(OnsiteError, match="HAProxy does not answer") as caught:
        haproxy()
    assert "secret" not in str(caught.value)


def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None]
) -> None:
    owner = own(
        "from onsite.services import haproxy\n"
        "front = haproxy(app=['127.0.0.1:1']); say(describe()); time.sleep(60)"
    )
    servers = owner.hear()
    owner.process.kill()
    assert_gone(servers)


def test_the_configuration_of_the_container(tmp_path: Path) -> None:
    """What docs/compose.yml gives to HAProxy's image is accepted by HAProxy."""
    compose = Path(__file__).resolve().parents[3] / "docs" / "compose.yml"
    content = yaml.safe_load(compose.read_text(encoding="utf-8"))["configs"]["haproxy"]["content"]
    (tmp_path / "haproxy.cfg").write_text(content, encoding="utf-8")
    program = find_program(("haproxy",), module.WHEEL, module.PLACES, "", module.PACKAGE.debian)
    assert "Fatal" not in program.says("-c", "-f", str(tmp_path / "haproxy.cfg"))
    (tmp_path / "bad.cfg").write_text(content.replace("stats enable", "stats able"))
    with pytest.raises(OnsiteError, match="stats"):
        program.says("-c", "-f", str(tmp_path / "bad.cfg"))
