"""A bad network: `link = faulty(pg)` is a TCP connection to any service, as bad as wanted."""

from __future__ import annotations

import importlib.metadata
import json
import math
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from onsite.errors import OnsiteError
from onsite.servers import kept
from onsite.services import process
from onsite.services.address import Target, host_port, url_of, with_address
from onsite.services.python_program import facts, python_recipe
from onsite.services.server_handle import ServerHandle

Way = Literal["both", "up", "down"]
WAYS = {"both": ("up", "down"), "up": ("up",), "down": ("down",)}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one direction of a link; by default nothing."""

    latency: float = 0.0
    """Seconds that every byte takes."""
    jitter: float = 0.0
    """The latency varies evenly by up to this many seconds, up and down; the order is kept."""
    bandwidth: float | None = None
    """Bytes a second for all connections together; None: no limit."""
    blackhole: bool = False
    """Nothing passes, and nothing is reported, until this is over; then what was sent arrives."""
    reset_after: int | None = None
    """Each connection is reset when this many bytes have passed; 0: as soon as it is made."""
    seed: int | None = None
    """Makes the jitter the same each time."""

    def __post_init__(self) -> None:
        """Refuse what is no such amount."""
        for name in ("latency", "jitter", "bandwidth", "reset_after"):
            value = getattr(self, name)
            if value is None and name in ("bandwidth", "reset_after"):
                continue
            least = "more than 0" if name == "bandwidth" else "0 or more"
            number = isinstance(value, int | float) and math.isfinite(value)
            if not number or value < 0 or (name == "bandwidth" and value == 0):
                raise OnsiteError(f"{name} of a faulty link must be {least}, not {value!r}.")

    def __str__(self) -> str:
        """What differs from a good network, in a few words."""
        words = {
            "blackhole": "nothing passes" if self.blackhole else "",
            "latency": f"{self.latency:g} s late" if self.latency else "",
            "jitter": f"± {self.jitter:g} s" if self.jitter else "",
            "bandwidth": f"{self.bandwidth:g} bytes/s" if self.bandwidth else "",
            "reset": "" if self.reset_after is None else f"reset after {self.reset_after} bytes",
        }
        return ", ".join(filter(None, words.values())) or "no fault"


class FaultyLink(ServerHandle):
    """A link between clients and one service, whose faults can be changed while it is used.

    `up` is the direction from the client to the service, `down` the one back.
    """

    service = "Onsite faulty link"
    call = "faulty"
    variable = ""  # there is nothing of the user's own to take instead

    def __init__(self, target: str, faults: dict[str, Fault], server: process.Server) -> None:
        """Stand for the proxy in `server`, which leads to the URL `target` with `faults`."""
        self.version = server.recipe.version
        self._target = target
        self._faults = faults
        super().__init__(f"127.0.0.1:{server.port}", server)

    @property
    def url(self) -> str:
        """The target's URL, through this link."""
        return self.through(self._target)

    def through(self, url: str) -> str:
        """`url`, another address of the target (such as `pg.sqlalchemy_url`), through this link."""
        self._require_open()
        return with_address(url, self._address)

    @property
    def faults(self) -> dict[str, Fault]:
        """What is wrong now, for `up` and `down`."""
        return dict(self._faults)

    def set(self, direction: Way = "both", **changes: Any) -> None:
        """Change faults; it holds for what passes from now on, also on open connections.

        What is on its way already arrives when it was going to.

        Args:
            direction: `both`, `up` or `down`.
            changes: fields of `Fault` and their new values; the others stay as they are.

        Raises:
            OnsiteError: there is no such direction or fault, or its amount makes no sense.
        """
        self._put(_changed(self._faults, direction, changes))

    def cut(self, direction: Way = "both") -> None:
        """Let nothing pass, as when a cable is pulled: nobody is told. The rest stays as it is."""
        self.set(direction, blackhole=True)

    def heal(self, direction: Way = "both") -> None:
        """Take all faults away."""
        self.set(direction, **asdict(Fault()))

    def reset(self) -> None:
        """Break every open connection at both ends, once; clients can connect again."""
        self._ask(reset=True)

    def counts(self) -> dict[str, int]:
        """How many connections were `accepted`, are `open`; how many bytes went `up` and `down`."""
        return self._ask()

    def _put(self, faults: dict[str, Fault]) -> None:
        self._ask({name: asdict(fault) for name, fault in faults.items()})
        self._faults = faults

    def start(self) -> None:
        """Start the stopped link again, at the same address and with the same faults."""
        super().start()
        self._put(self._faults)

    def _ask(
        self, faults: dict[str, dict[str, Any]] | None = None, reset: bool = False
    ) -> dict[str, int]:
        server = self._private()
        try:
            return _command(server, {"set": faults or {}, "reset": reset})
        except (OSError, ValueError):
            raise OnsiteError(f"this faulty link is {self.state}; `start()` brings it back.") from (
                None
            )

    def _facts(self) -> tuple[str, ...]:
        host, port = host_port(self._target)
        up, down = (str(self._faults[name]) for name in ("up", "down"))
        faults = up if up == down else f"up: {up}; down: {down}"
        return (f"to {host}:{port}", faults, *super()._facts())


def faulty(
    target: Target,
    *,
    direction: Way = "both",
    latency: float = 0.0,
    jitter: float = 0.0,
    bandwidth: float | None = None,
    blackhole: bool = False,
    reset_after: int | None = None,
    seed: int | None = None,
) -> FaultyLink:
    """Put a link with faults before a service: clients use `link.url` in place of the target's.

    A connection to the link is made at once, however bad it is; the faults are for what is sent
    on it. To have connections refused, `stop()` it.

    Args:
        target: a handle, a URL, or host:port.
        direction: where the faults are: `both`, `up` (to the service) or `down` (back).
        latency: seconds that every byte takes.
        jitter: seconds by which the latency varies, up and down.
        bandwidth: bytes a second, for all connections together.
        blackhole: whether nothing passes.
        reset_after: bytes after which a connection is reset.
        seed: makes the jitter the same each time.

    Raises:
        OnsiteError: the target names no address, or an amount makes no sense.
    """
    changes = {
        "latency": latency,
        "jitter": jitter,
        "bandwidth": bandwidth,
        "blackhole": blackhole,
        "reset_after": reset_after,
        "seed": seed,
    }
    host, port = host_port(target)
    faults = _changed({"up": Fault(), "down": Fault()}, direction, changes)
    recipe = python_recipe(
        "proxy",
        {
            "target": [host, port],
            "faults": {name: asdict(fault) for name, fault in faults.items()},
            "token": secrets.token_hex(16),  # all on this machine could call
        },
        service=FaultyLink.service,
        version=importlib.metadata.version("onsite"),
        origin="part of onsite",
    )
    server = process.launch(recipe)
    return FaultyLink(url_of(target), faults, server)


def _changed(faults: dict[str, Fault], direction: str, changes: dict[str, Any]) -> dict[str, Fault]:
    if direction not in WAYS:
        raise OnsiteError(f"a link has the directions {', '.join(WAYS)}, not {direction!r}.")
    try:
        return faults | {name: replace(faults[name], **changes) for name in WAYS[direction]}
    except TypeError:
        known = ", ".join(Fault.__dataclass_fields__)
        unknown = ", ".join(changes.keys() - Fault.__dataclass_fields__.keys())
        raise OnsiteError(f"a link has no fault {unknown!r}; it has {known}.") from None


def _command(server: process.Server, command: dict[str, Any]) -> dict[str, int]:
    settings = (server.folder / "data" / kept.SETTINGS).read_text(encoding="utf-8")
    command = command | {"token": json.loads(settings)["token"]}
    with socket.create_connection(("127.0.0.1", facts(server)["control"]), timeout=5) as connection:
        connection.sendall(json.dumps(command).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer: dict[str, int] = json.loads(answers.readline())
    return answer
