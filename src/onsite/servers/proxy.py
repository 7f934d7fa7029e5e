"""The process behind `faulty()`: passes TCP connections on, as badly as it is told to."""

import asyncio
import concurrent.futures.thread  # noqa: F401 (to find names; there is no importing later on)
import contextlib
import encodings.idna  # noqa: F401
import hmac
import json
import random
import socket
import struct
from asyncio import StreamReader, StreamWriter
from time import monotonic
from typing import Any

from onsite.servers import kept

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # closing a socket that lingers for 0 s sends RST, not FIN


class Direction:
    """One direction of the link, shared by all connections. Seconds and bytes."""

    def __init__(self, fault: dict[str, Any]) -> None:
        self.open, self.bytes = asyncio.Event(), 0
        self.set(fault)

    def set(self, fault: dict[str, Any]) -> None:
        """Take the fields of a `Fault` (see faulty.py)."""
        self.fault, self.busy_until = fault, 0.0
        self.random = random.Random(fault["seed"])  # noqa: S311 (no secret)
        self.open.clear() if fault["blackhole"] else self.open.set()

    def arrival(self) -> float:
        """When what is sent now arrives."""
        late = self.fault["latency"] + self.random.uniform(-1, 1) * self.fault["jitter"]
        return monotonic() + max(0.0, float(late))

    def portion(self, sent: int) -> int:
        """How much of a connection goes next: what the line takes in a fiftieth of a second."""
        rate, limit = self.fault["bandwidth"], self.fault["reset_after"]
        size = CHUNK if rate is None else max(1, min(CHUNK, int(rate / 50)))
        return size if limit is None else max(1, min(size, limit - sent))

    async def line(self, size: int) -> None:
        """Wait until `size` bytes have gone through the line, which all connections share."""
        if rate := self.fault["bandwidth"]:
            self.busy_until = max(monotonic(), self.busy_until) + size / rate
            await asyncio.sleep(self.busy_until - monotonic())
        await self.open.wait()
        self.bytes += size


class Proxy:
    """The link: it delays, and drops nothing, as TCP does with lost packets."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.target, self.token = wanted["target"], wanted["token"]
        self.directions = {name: Direction(wanted["faults"][name]) for name in ("up", "down")}
        self.served: dict[asyncio.Task[Any] | None, list[StreamWriter]] = {}
        self.accepted = 0

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass one client's connection on, until both ends have finished or one breaks."""
        task, up, down = asyncio.current_task(), *self.directions.values()
        ends = self.served[task] = [writer]
        self.accepted += 1
        try:
            await up.open.wait()
            behind, ahead = await asyncio.open_connection(*self.target)
            ends.append(ahead)
            async with asyncio.TaskGroup() as group:
                group.create_task(carry(reader, ahead, up))
                group.create_task(carry(behind, writer, down))
        except* OSError:  # one end broke, and so does the other
            break_off(ends)
        finally:
            del self.served[task]
            for end in ends:
                end.close()

    async def obey(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Take commands, lines of JSON, from who knows the token: faults, or a reset of all."""
        with contextlib.suppress(OSError, ValueError, KeyError):  # a stranger
            while line := await reader.readline():
                command = json.loads(line)
                if not hmac.compare_digest(command["token"], self.token):
                    break
                for name, fault in command["set"].items():
                    self.directions[name].set(fault)
                for task, ends in self.served.items() if command["reset"] else ():
                    break_off(ends)
                    task and task.cancel()
                counts = {name: one.bytes for name, one in self.directions.items()}
                counts |= {"accepted": self.accepted, "open": len(self.served)}
                writer.write(json.dumps(counts).encode() + b"\n")
        writer.close()


async def carry(reader: StreamReader, writer: StreamWriter, direction: Direction) -> None:
    """Carry the bytes of a connection in one direction; an empty chunk stands for their end."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)  # bounds what is on its way

    async def take() -> None:
        chunk, arrival, sent = b"first", 0.0, 0
        while chunk:
            await direction.open.wait()
            chunk = await reader.read(direction.portion(sent))
            sent += len(chunk)
            arrival = max(arrival, direction.arrival())  # jitter does not change the order
            await queue.put((arrival, chunk))

    async with asyncio.TaskGroup() as group:
        group.create_task(take())
        chunk, sent = b"first", 0
        while chunk:
            if (limit := direction.fault["reset_after"]) is not None and sent >= limit:
                raise ConnectionResetError
            arrival, chunk = await queue.get()
            await asyncio.sleep(arrival - monotonic())
            await direction.line(len(chunk))
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
        writer.write_eof()


def break_off(ends: list[StreamWriter]) -> None:
    """Reset the connections to both ends."""
    for end in ends:
        with contextlib.suppress(OSError):  # it has ended by itself
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.transport.abort()


async def main() -> None:
    """Listen on the wanted port until the process is ended."""
    wanted = kept.settings()
    proxy = Proxy(wanted)
    control = await asyncio.start_server(proxy.obey, "127.0.0.1", 0)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", wanted["port"])
    kept.drop_root(wanted["account"])
    kept.say_ready(control=control.sockets[0].getsockname()[1])
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
