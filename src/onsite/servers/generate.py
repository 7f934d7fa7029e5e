"""The process behind `load()`: sends requests by a schedule and notes what becomes of them.

It writes `rows.csv` in its folder when it is done, or told to end (SIGTERM).
Times are seconds since its start. A request is `scheduled` when it should be sent, whatever the
server does meanwhile, and `started` when it is. What has not been answered in the end is noted too:
to leave it out would be to leave out the slowest.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 (to find names; there is no importing later on)
import csv
import encodings.idna  # noqa: F401
import itertools
import math
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from onsite.servers import kept

COLUMNS = ("client", "scheduled", "started", "ended", "status", "bytes", "error")


class Generator:
    """One run: its order, and a row for each request."""

    def __init__(self, order: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.order = order
        self.session = session
        self.rows: list[list[Any]] = []
        self.free = asyncio.Semaphore(order["in_flight"])
        self.origin = monotonic()

    def now(self) -> float:
        """Seconds since the start."""
        return monotonic() - self.origin

    async def until(self, moment: float) -> None:
        """Wait for a moment."""
        await asyncio.sleep(moment - self.now())

    def note(self, client: int, scheduled: float) -> list[Any]:
        """Note that a request is due; `client` is a number, for the closed model."""
        row = [client, scheduled, None, None, None, 0, "unanswered"]
        self.rows.append(row)
        return row

    async def send(self, row: list[Any]) -> None:
        """Send a request and note what becomes of it."""
        order = self.order
        try:
            async with self.free:
                row[2] = self.now()
                async with self.session.request(
                    order["method"],
                    order["url"],
                    data=order["body"],
                    allow_redirects=False,
                ) as answer:
                    row[5] = len(await answer.read())
                    row[4], row[6] = answer.status, None
        except TimeoutError:
            row[6] = "timeout"
        except (aiohttp.ClientError, OSError) as error:
            row[6] = type(error).__name__
        finally:
            row[3] = self.now()

    async def open_model(self) -> None:
        """Requests come when they come: nobody waits for an answer to an earlier one."""
        async with asyncio.TaskGroup() as group:
            for scheduled in arrivals(self.order):
                await self.until(scheduled)
                group.create_task(self.send(self.note(0, scheduled)))

    async def closed_model(self) -> None:
        """So many clients, of which each waits for its answer before it asks again."""
        async with asyncio.TaskGroup() as group:
            for client in range(self.order["clients"]):
                group.create_task(self.ask_again_and_again(client))

    async def ask_again_and_again(self, client: int) -> None:
        """Be one client of the closed model."""
        order = self.order
        scheduled = self.now()
        if order["rate"] is None:
            while scheduled < order["seconds"] and len(self.rows) < order["most"]:
                await self.until(scheduled)
                await self.send(self.note(client, scheduled))
                scheduled = self.now() + order["think"]
            return
        # it has a schedule of its own, and is late when an answer is
        turns = range(client, math.ceil(order["rate"] * order["seconds"]), order["clients"])
        due = [turn / order["rate"] for turn in turns]
        try:
            while due:
                await self.until(due[0])
                await self.send(self.note(client, due.pop(0)))
        finally:  # what it did not come to by the end
            for scheduled in due:
                if scheduled <= self.now():
                    self.note(client, scheduled)


def arrivals(order: dict[str, Any]) -> Iterator[float]:
    """When requests come, in the open model: evenly, or at random by a Poisson process."""
    rate, chance = order["rate"], random.Random(order["seed"])  # noqa: S311 (no secret)
    moment = 0.0
    for number in itertools.count(1):
        if moment >= order["seconds"]:
            return
        yield moment
        moment = number / rate if order["arrivals"] == "even" else moment + chance.expovariate(rate)


async def run(order: dict[str, Any]) -> list[list[Any]]:
    """Do what `order` says; the rows, in the order of their schedule."""
    connector = aiohttp.TCPConnector(limit=0, force_close=not order["keep_alive"])
    timeout = aiohttp.ClientTimeout(total=order["timeout"])
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=order["headers"]
    ) as session:
        generator = Generator(order, session)
        model = generator.open_model if order["clients"] is None else generator.closed_model
        task = asyncio.create_task(model())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait([task], timeout=order["seconds"] + order["timeout"])
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            raise error
        for row in generator.rows:
            row[3] = generator.now() if row[3] is None else row[3]
    return sorted(generator.rows, key=lambda row: row[1])


def main() -> None:
    """Do what is wanted."""
    wanted = kept.settings()
    kept.drop_root(wanted["account"])
    rows = asyncio.run(run(wanted))
    with Path("rows.new").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    Path("rows.new").rename("rows.csv")


if __name__ == "__main__":
    main()
