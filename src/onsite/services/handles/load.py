"""A load generator for demos: `load(site, rate=100).result()` is a table of what clients see.

It never leaves this machine, and a run is bounded in time, rate and requests.

In the *open* model requests come at a rate, however slow the answers are, as they do from people
who know nothing of each other. In the *closed* model there are so many clients, and each waits for
its answer before it asks again; so a server that stalls is asked less just then, and the stall
hides in the percentiles ("coordinated omission", Gil Tene). Three things keep that out:

- `latency` counts from the moment for which a request was scheduled, not from when it was sent;
- with `clients` and `rate`, each client has a schedule too, as in wrk2;
- for clients without one, `percentiles(interval=...)` adds the requests that they would have sent
  at that interval, as HdrHistogram's correction does.
"""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.address import Target, host_port, url_of
from onsite.services.handle import Handle
from onsite.services.python_program import python_recipe

if TYPE_CHECKING:  # they take long to import, and most notebooks do not use this handle
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_SECONDS = 120.0
MOST_RATE = 5_000.0
MOST_CLIENTS = 1_000
MOST_REQUESTS = 300_000
IN_FLIGHT = 1_000
"""Requests at once in the open model; more wait, and their waiting counts."""
POINTS = (50, 75, 90, 95, 99, 99.9, 100)


@dataclass(frozen=True)
class LoadResult:
    """What became of a run."""

    model: str
    """In words."""
    requests: pd.DataFrame
    """A row for each request, in the order of the schedule. Times are seconds, the first three
    since the start of the run: `scheduled`, `started`, `ended`; `latency` (from scheduled to
    ended), `service` (from started to ended), `late` (from scheduled to started); `status` and
    `bytes` of the answer, `error` (timeout, unanswered, or the client's own; else None), `ok` (an
    answer below 400), and `client` in the closed model."""

    def latencies(self, interval: float | None = None) -> npt.NDArray[np.float64]:
        """The latency of each request in seconds, those that failed included, sorted.

        Args:
            interval: where a client had no schedule: every how many seconds it would have asked.
                Each latency of more than that stands for requests that were not sent meanwhile.

        Raises:
            OnsiteError: the interval is not above 0, or so short that millions would be added.
        """
        import numpy as np

        seen = self.requests["latency"].to_numpy(dtype=float)
        if interval is not None:
            if not interval > 0 or (seen / interval).sum() > 5_000_000:
                raise OnsiteError(f"an interval of {interval!r} s is too short to correct by.")
            missing = [one - interval * np.arange(1, int(one // interval)) for one in seen]
            seen = np.concatenate([seen, *missing])
        return np.sort(seen)

    def percentiles(
        self, points: Sequence[float] = POINTS, interval: float | None = None
    ) -> pd.DataFrame:
        """Percentiles in seconds, one row each, by name `percentile`.

        Columns: `latency`, from when requests were scheduled (corrected by `interval`, see
        `latencies`), and `service`, from when they were sent, which flatters a server that stalls.
        A percentile is the least value that so many percent of the requests do not exceed.
        """
        import numpy as np
        import pandas as pd

        columns = {
            "latency": self.latencies(interval),
            "service": self.requests["service"].dropna().to_numpy(dtype=float),
        }
        found = {
            name: np.percentile(values, points, method="inverted_cdf") if len(values) else math.nan
            for name, values in columns.items()
        }
        return pd.DataFrame(found, index=pd.Index(points, name="percentile"))

    def timeline(self, step: float = 0.5) -> pd.DataFrame:
        """What clients saw over time: a row for each `step` seconds of the schedule.

        Columns: `requests`, `errors`, `p50`, `p99` and `worst` latency in seconds; the index is
        `second`, the beginning of the step.
        """
        import pandas as pd

        begin = (self.requests["scheduled"] // step * step).rename("second")
        groups = self.requests.groupby(begin)
        latency = groups["latency"]
        return pd.DataFrame(
            {
                "requests": groups.size(),
                "errors": groups["ok"].agg(lambda ok: int((~ok).sum())),
                "p50": latency.quantile(0.5, interpolation="higher"),
                "p99": latency.quantile(0.99, interpolation="higher"),
                "worst": latency.max(),
            }
        )

    @cached_property
    def summary(self) -> dict[str, float]:
        """Numbers for the whole run.

        `requests`, `errors`, `throughput` (good answers a second), and `late`: the 99th percentile
        of how late requests were sent. In the open model that is the generator's own fault: when
        it is not small beside the latencies, the machine was too busy to measure.
        """
        table = self.requests
        span = float(table["ended"].where(table["ok"]).max())
        late = table["late"].dropna()
        return {
            "requests": len(table),
            "errors": int((~table["ok"]).sum()),
            "throughput": float(table["ok"].sum() / span) if span > 0 else 0.0,
            "late": float(late.quantile(0.99)) if len(late) else math.nan,
        }

    def __repr__(self) -> str:
        """The summary and the percentiles as text."""
        return f"{self._headline()}\n{self.percentiles().to_string(float_format='{:.4f}'.format)}"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        table = self.percentiles().style.format("{:.4f} s").format_index("{:g} %").to_html()
        return f"<div>{self._headline()}</div>{table}"

    def _headline(self) -> str:
        found = self.summary
        return (
            f"{self.model}: {found['requests']} requests, {found['errors']} errors, "
            f"{found['throughput']:.1f} good answers a second"
        )


class Load(Handle):
    """A run of the load generator; `result()` waits for its end."""

    service = "Onsite load generator"
    call = "load"

    def __init__(self, url: str, model: str, server: process.Server) -> None:
        """Stand for the generator in `server`, which asks `url`."""
        self.version = server.recipe.version
        self._url = url
        self._model = model
        self._server = server
        self._result: LoadResult | None = None
        super().__init__()

    @property
    def url(self) -> str:
        """What is asked."""
        self._require_open()
        return self._url

    @property
    def state(self) -> str:
        """`running`, `finished`, `closed`, or how the generator ended."""
        if self._result is not None:
            return "finished"
        if self._closed:
            return "closed"
        state = self._server.state
        return "finished" if state in ("exited with code 0", "stopped") else state

    def stop(self) -> None:
        """End the run before its time; `result()` is what there is until then."""
        self._require_open()
        self._server.stop()

    def result(self) -> LoadResult:
        """Wait for the end of the run and read what became of it.

        Raises:
            OnsiteError: the generator failed, or the run was closed before its end.
        """
        if self._result is None:
            self._require_open()
            while self.state == "running":
                time.sleep(0.02)
            rows = self._server.folder / "data" / "rows.csv"
            if self.state != "finished" or not rows.exists():
                raise OnsiteError(
                    f"the load generator has no result ({self._server.state}). "
                    f"The end of its log:\n{self._server.log_tail()}"
                )
            self._result = LoadResult(self._model, _read(rows))
            self._server.close()
        return self._result

    def _release(self) -> None:
        self._server.kill()
        self._server.close()

    @property
    def _is_own(self) -> bool:
        return False

    def _facts(self) -> tuple[str, ...]:
        facts: tuple[str, ...] = (self._model, self._server.recipe.origin)
        if self._result is not None:
            found = self._result.summary
            facts += (f"{found['requests']} requests, {found['errors']} errors",)
        return facts


def load(
    target: Target,
    *,
    rate: float | None = None,
    clients: int | None = None,
    seconds: float = 5,
    arrivals: Literal["even", "random"] = "even",
    think: float = 0,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
    keep_alive: bool = True,
    seed: int | None = None,
) -> Load:
    """Send requests to a web server on this machine, in a process of its own, and return at once.

    Args:
        target: its URL, or a handle such as `web()` gives.
        rate: requests a second. Alone it makes the open model.
        clients: how many clients there are, which makes the closed model. With `rate` they have a
            schedule that makes that many requests a second together, and are late when it slips.
        seconds: how long requests are sent, at most 120.
        arrivals: in the open model, whether requests come evenly, or at `random` as from many
            people who know nothing of each other (a Poisson process).
        think: seconds that a client without a schedule waits before it asks again.
        method: of the requests.
        body: of the requests.
        headers: of the requests.
        timeout: seconds after which a request is given up.
        keep_alive: whether connections are used again.
        seed: makes random arrivals the same each time.

    Raises:
        OnsiteError: the target is elsewhere, or an amount makes no sense or is too much.
    """
    url = url_of(target)
    host, port = host_port(target)
    if urlsplit(url).scheme not in ("http", "https") or host not in LOOPBACK:
        raise OnsiteError(f"load() asks only http servers on this machine, not {host}.")
    if rate is None and clients is None:
        raise OnsiteError("load() needs `rate` (open model), `clients` (closed model), or both.")
    _require("seconds", seconds, MOST_SECONDS)
    _require("timeout", timeout, MOST_SECONDS)
    if rate is not None:
        _require("rate", rate, MOST_RATE)
        if rate * seconds > MOST_REQUESTS:
            raise OnsiteError(f"load() sends at most {MOST_REQUESTS} requests in one run.")
    if clients is not None:
        _require("clients", clients, MOST_CLIENTS)
        if not isinstance(clients, int):
            raise OnsiteError(f"`clients` of a load is a whole number, not {clients!r}.")
    if not 0 <= think <= MOST_SECONDS:
        raise OnsiteError(f"`think` is from 0 to {MOST_SECONDS:g} seconds, not {think!r}.")
    if arrivals not in ("even", "random"):
        raise OnsiteError(f"arrivals are `even` or `random`, not {arrivals!r}.")
    order = {
        "url": url,
        "rate": rate,
        "clients": clients,
        "seconds": seconds,
        "arrivals": arrivals,
        "think": think,
        "method": method,
        "body": body,
        "headers": dict(headers or {}),
        "timeout": timeout,
        "keep_alive": keep_alive,
        "seed": seed,
        "in_flight": IN_FLIGHT,
        "most": MOST_REQUESTS,
    }
    recipe = python_recipe(
        "generate",
        order,
        service=Load.service,
        version=importlib.metadata.version("onsite"),
        origin=f"part of onsite, with aiohttp {importlib.metadata.version('aiohttp')}",
    )
    server = process.launch(
        replace(
            recipe,
            ready=lambda data, port: True,  # it need not answer anybody
            address=f"to {host}:{port}",
        )
    )
    return Load(url, _in_words(rate, clients, seconds, arrivals), server)


def _require(name: str, value: float, most: float) -> None:
    if not isinstance(value, int | float) or not 0 < value <= most:
        raise OnsiteError(f"`{name}` of a load is more than 0 and at most {most:g}, not {value!r}.")


def _in_words(rate: float | None, clients: int | None, seconds: float, arrivals: str) -> str:
    if clients is None:
        return f"open model, {rate:g} requests a second ({arrivals}) for {seconds:g} s"
    pace = "" if rate is None else f" with a schedule of {rate:g} requests a second"
    return f"closed model, {clients} client{'s' if clients > 1 else ''}{pace} for {seconds:g} s"


def _read(rows: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(rows, dtype={"status": "Int64", "error": "object"})
    table["latency"] = table["ended"] - table["scheduled"]
    table["service"] = table["ended"] - table["started"]
    table["late"] = table["started"] - table["scheduled"]
    table["error"] = table["error"].where(table["error"].notna(), None)
    table["ok"] = (table["status"] < 400).fillna(False).astype(bool)
    return table
