"""The load generator: both models, and that a stall does not hide in the percentiles.

How long a request takes depends on the machine; only what is longer than a stall is asserted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
import pytest
from tests.services.owners import Owner, is_alive, wait_until

from onsite.errors import OnsiteError
from onsite.services import LoadResult, Web, faulty, folders, load, web
from onsite.services.account import server_account

STALL = 1.2
QUIET = ("--lifespan", "off", "--no-access-log")


def site(stalls_at: int = -1, status: int = 200, delay: float = 0) -> Web:
    """Answers at once, but for one request, at which the whole server stalls."""

    def make() -> Any:
        count = [0]

        async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
            import asyncio
            import time

            if scope["path"] == "/count":
                body = str(count[0]).encode()
            else:
                count[0] += 1
                if count[0] == stalls_at:
                    time.sleep(STALL)
                await asyncio.sleep(delay)
                body = b"hello" + (await receive()).get("body", b"")
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return app

    return web(make(), options=QUIET)


@pytest.fixture(scope="module")
def plain() -> Iterator[Web]:
    with site() as handle:
        yield handle


def slow(times: pd.Series) -> int:
    return int((times > STALL / 3).sum())


@pytest.mark.slow
def test_a_stall_shows_in_the_open_model_and_hides_in_the_closed_one() -> None:
    with site(stalls_at=20) as stalling:
        found = load(stalling, rate=50, seconds=3).result()
    # 60 requests come during the stall, of which 40 wait for more than a third of it
    assert len(found.requests) == 150
    assert slow(found.requests["latency"]) >= 35
    assert found.percentiles([80])["latency"].item() > STALL / 3

    with site(stalls_at=20) as stalling:
        hidden = load(stalling, clients=1, think=0.02, seconds=3).result()
    assert len(hidden.requests) >= 20
    assert slow(hidden.requests["latency"]) < 15, "the one client waited, and asked nothing"
    seen = hidden.percentiles([99.9, 80], interval=0.02)["latency"]
    assert seen.loc[80] > hidden.percentiles([80])["latency"].item()
    assert slow(pd.Series(hidden.latencies(interval=0.02))) >= 35

    with site(stalls_at=20) as stalling:
        paced = load(stalling, clients=1, rate=50, seconds=3).result()
    assert len(paced.requests) == 150
    assert slow(paced.requests["latency"]) >= 35, "its schedule goes on while it waits"
    assert slow(paced.requests["service"]) < 15, "what a closed loop without one would have said"


def test_the_open_model_does_not_wait_for_answers() -> None:
    with site(delay=0.5) as late:
        found = load(late, rate=40, seconds=1).result()
    assert len(found.requests) == 40
    table = found.requests
    at_once = max(((table["started"] <= t) & (table["ended"] > t)).sum() for t in table["started"])
    assert at_once >= 10
    assert np.allclose(table["scheduled"], np.arange(40) / 40)


def test_the_closed_model_has_so_many_requests_at_once(plain: Web) -> None:
    with site(delay=0.05) as late:
        table = load(late, clients=3, seconds=0.6).result().requests
    at_once = max(((table["started"] <= t) & (table["ended"] > t)).sum() for t in table["started"])
    assert at_once == 3
    assert set(table["client"]) == {0, 1, 2}
    for _, own in table.groupby("client"):
        assert (own["started"].iloc[1:].to_numpy() >= own["ended"].iloc[:-1].to_numpy()).all()


def test_random_arrivals_are_the_same_for_a_seed_and_of_the_rate(plain: Web) -> None:
    one, two, three = (
        load(plain, rate=200, seconds=0.5, arrivals="random", seed=seed).result().requests
        for seed in (1, 1, 2)
    )
    assert one["scheduled"].equals(two["scheduled"])
    assert not one["scheduled"].equals(three["scheduled"])
    assert 60 <= len(one) <= 150
    assert np.diff(one["scheduled"]).std() > 0.001


def test_what_is_sent_is_what_was_asked_for() -> None:
    with site() as own:
        found = load(own, rate=20, seconds=0.5, method="POST", body="x" * 7).result()
        assert own.client.get("/count").text == str(len(found.requests)) == "10"
    assert set(found.requests["bytes"]) == {12}
    assert found.summary["errors"] == 0
    assert found.requests["error"].isna().all()


def test_errors_and_timeouts_are_requests_too() -> None:
    with site(status=503) as bad:
        found = load(bad, rate=20, seconds=0.5).result()
        assert found.summary["errors"] == len(found.requests) == 10
        assert set(found.requests["status"]) == {503}
        bad.stop()
        found = load(bad, rate=20, seconds=0.5).result()
        assert set(found.requests["error"]) == {"ClientConnectorError"}
        assert found.requests["status"].isna().all()
        assert found.summary["throughput"] == 0
    with site() as own, faulty(own, blackhole=True) as link:
        found = load(link, rate=20, seconds=0.5, timeout=0.4).result()
        assert set(found.requests["error"]) <= {"timeout", "unanswered"}
        assert len(found.requests) == 10
        assert (found.requests["latency"] > 0.35).all()


def test_what_a_paced_client_did_not_come_to_is_counted() -> None:
    with site() as own, faulty(own, blackhole=True) as link:
        found = load(link, clients=1, rate=20, seconds=0.5, timeout=0.6).result()
    assert len(found.requests) == 10
    assert found.requests["started"].isna().sum() >= 5
    assert found.requests["latency"].notna().all()


def test_a_fault_in_the_middle_of_a_run() -> None:
    with site() as own, faulty(own) as link:
        run = load(link, rate=50, seconds=2)
        assert run.state == "running"
        assert "running" in run._repr_html_()
        wait_until(lambda: link.counts()["up"] > 0, "it has begun")
        link.cut()
        time.sleep(0.6)
        link.heal()
        found = run.result()
    assert (found.requests["latency"] > 0.2).sum() >= 10
    assert found.summary["errors"] == 0
    assert run.state == "finished"
    assert "100 requests, 0 errors" in run._repr_html_()


def test_results_are_ready_to_plot(plain: Web) -> None:
    found = load(plain, rate=100, seconds=1).result()
    timeline = found.timeline(0.25)
    assert list(timeline.index) == [0, 0.25, 0.5, 0.75]
    assert list(timeline["requests"]) == [25, 25, 25, 25]
    assert (timeline["worst"] >= timeline["p99"]).all()
    for axes in (
        found.requests.plot(x="scheduled", y="latency"),
        timeline.plot(y=["p50", "p99"]),
        found.percentiles().plot(),
    ):
        assert axes.lines and all(np.isfinite(line.get_ydata()).all() for line in axes.lines)
        plt.close(axes.figure)
    assert "open model, 100 requests a second" in found._repr_html_()
    assert "99.9 %" in found._repr_html_()
    assert "99.9" in repr(found)


def result(latencies: list[float]) -> LoadResult:
    table = pd.DataFrame({"latency": latencies, "service": latencies})
    return LoadResult("made by hand", table)


def test_percentiles_by_hand() -> None:
    found = result([float(n) for n in range(1, 101)])
    assert list(found.percentiles([50, 99, 100])["latency"]) == [50, 99, 100]


def test_correction_by_hand() -> None:
    # a client that asks every second and once waits for 5 s did not send four requests, which
    # would have waited for 4, 3, 2 and 1 s
    assert list(result([0.5, 5.0]).latencies(interval=1.0)) == [0.5, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert list(result([0.5, 5.0]).latencies()) == [0.5, 5.0]
    for interval in (0, -1, 1e-9):
        with pytest.raises(OnsiteError, match="too short to correct by"):
            result([0.5, 5.0]).latencies(interval)


def test_a_run_can_be_stopped(plain: Web) -> None:
    run = load(plain, rate=50, seconds=60)
    wait_until(lambda: int(plain.client.get("/count").text) > 0, "it has begun")
    time.sleep(1)
    run.stop()
    found = run.result()
    assert 0 < len(found.requests) < 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs `rate`"),
        ({"rate": 0}, "`rate` of a load is more than 0 and at most 5000, not 0"),
        ({"rate": 1e6}, "at most 5000"),
        ({"rate": float("nan")}, "not nan"),
        ({"rate": 5000, "seconds": 120}, "at most 300000 requests"),
        ({"clients": 0}, "`clients` of a load"),
        ({"clients": 1.5}, "whole number"),
        ({"rate": 1, "seconds": 3600}, "`seconds` .* at most 120, not 3600"),
        ({"clients": 1, "think": -1}, "`think` is from 0"),
        ({"rate": 1, "arrivals": "often"}, "`even` or `random`, not 'often'"),
    ],
)
def test_runs_are_bounded(plain: Web, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OnsiteError, match=message):
        load(plain, **options)


@pytest.mark.parametrize("url", ["http://example.org/", "redis://127.0.0.1:1", "http://10.0.0.1"])
def test_it_asks_nobody_else(url: str) -> None:
    with pytest.raises(OnsiteError, match="only http servers on this machine"):
        load(url, rate=1)


def test_it_does_not_run_as_root_and_still_finds_names(plain: Web) -> None:
    run = load(plain.url.replace("127.0.0.1", "localhost"), rate=20, seconds=1)
    account = server_account()
    entry = folders.read_entry(run._server.folder)
    assert entry is not None
    wanted = os.geteuid() if account is None else account.uid
    wait_until(lambda: psutil.Process(entry["pid"]).uids().real == wanted, "it is unprivileged")
    assert run.result().summary["errors"] == 0


def test_closed_before_its_end(plain: Web) -> None:
    run = load(plain, rate=10, seconds=60)
    run.close()
    assert run.state == "closed"
    with pytest.raises(OnsiteError, match=r"closed; call load\(\) for a new one"):
        run.result()


def test_a_generator_that_dies_is_an_error(plain: Web) -> None:
    run = load(plain, rate=10, seconds=60)
    entry = folders.read_entry(run._server.folder)
    assert entry is not None and entry["address"].startswith("to 127.0.0.1:")
    threading.Timer(0.3, run._server.kill).start()
    with pytest.raises(OnsiteError, match="the load generator has no result"):
        run.result()
    run.close()
    assert not is_alive(entry["pid"])


def test_nothing_is_left_of_it_when_its_owner_is_killed(
    own: Callable[..., Owner], assert_gone: Callable[[Any], None]
) -> None:
    owner = own(
        "from onsite.services import load\n"
        "run = load('http://127.0.0.1:1', rate=5, seconds=60); say(describe()); time.sleep(60)"
    )
    servers = owner.hear()
    owner.process.kill()
    assert_gone(servers)
