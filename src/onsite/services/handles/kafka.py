"""Kafka's protocol: `k = kafka()` gives a cluster with brokers that can be taken down.

Without a broker of the user's own it is librdkafka's mock cluster, which is right about partitions,
groups, offsets and failing brokers, and wrong, without an error, about a list of things that the
handle therefore refuses (`REFUSED`).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from functools import cached_property
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Any

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import package_of
from onsite.services.python_program import facts, installed_version, python_recipe
from onsite.services.server_handle import ServerHandle, client_library

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient

PACKAGE = package_of("kafka")
REBALANCE_MS = 200
"""How long the mock lets the members of a new group wait for each other; its own choice is 3 s."""
QUICK_GROUPS = {"session.timeout.ms": 1400, "heartbeat.interval.ms": 100}
PATIENCE = 10
"""Seconds in which brokers of the user's own must answer."""
MOCK = "mockCluster"
"""How the ids of mock clusters begin."""
REFUSED = {
    "init_transactions": "shows aborted records to read_committed consumers and fences no zombies",
    "send_offsets_to_transaction": "does not store the offsets of transactions",
    "offsets_for_times": "finds no offset for any time",
    "list_consumer_groups": "lists no groups",
    "create_topics": "never answers; use create_topic of the handle",
}
"""Methods of clients, and what the mock does wrong instead of what they are for."""


class Kafka(ServerHandle):
    """A cluster of brokers, with clients that already know where it is."""

    call = "kafka"
    variable = PACKAGE.variable

    def __init__(
        self,
        bootstrap: str,
        cluster_id: str,
        brokers: tuple[int, ...],
        server: process.Server | None = None,
        key: str = "",
    ) -> None:
        """Stand for a cluster.

        Args:
            bootstrap: host:port of its brokers, separated by commas.
            cluster_id: what it calls itself.
            brokers: their numbers.
            server: the private mock; None for a user's own cluster.
            key: what the mock's control port asks for.
        """
        self._bootstrap = bootstrap
        self._brokers = brokers
        self._down: set[int] = set()
        self._key = key
        self._is_real = not cluster_id.startswith(MOCK)
        self.service = "Kafka" if self._is_real else "librdkafka's mock of Kafka"
        # brokers do not tell their version, only those of the requests that they take
        self.version = "(version unknown)" if server is None else server.recipe.version
        super().__init__(bootstrap, server)

    @property
    def is_real(self) -> bool:
        """Whether these are real brokers; False for librdkafka's mock of them."""
        return self._is_real

    @property
    def state(self) -> str:
        """`running`, which brokers are down, `stopped` (all of them), `closed`, or how it ended."""
        state = super().state
        if state != "running" or not self._down:
            return state
        if len(self._down) == len(self._brokers):
            return "stopped"
        return f"running, down: {', '.join(map(str, sorted(self._down)))}"

    @property
    def url(self) -> str:
        """The value for `bootstrap.servers` of any client: host:port,host:port."""
        self._require_open()
        return self._bootstrap

    @property
    def brokers(self) -> tuple[int, ...]:
        """The brokers' numbers."""
        return self._brokers

    # --- clients ---

    def producer(self, settings: Mapping[str, Any] | None = None) -> Producer:
        """Make a `confluent_kafka.Producer`.

        Args:
            settings: librdkafka's, such as {"enable.idempotence": True}.

        Raises:
            OnsiteError: it asks for transactions and these are no real brokers.
        """
        return self._client("Producer", settings)  # type: ignore[no-any-return]

    def consumer(self, group: str, settings: Mapping[str, Any] | None = None) -> Consumer:
        """Make a `confluent_kafka.Consumer` in `group` that begins with the oldest record.

        On the mock its session timeout is short, because the mock waits for that long, less a
        second, whenever the members of a group change.

        Args:
            group: the consumer group.
            settings: librdkafka's, such as {"enable.auto.commit": False}.
        """
        begin = {"group.id": group, "auto.offset.reset": "earliest"}
        short = {} if self._is_real else QUICK_GROUPS
        return self._client("Consumer", {**begin, **short, **(settings or {})})  # type: ignore[no-any-return]

    def admin(self, settings: Mapping[str, Any] | None = None) -> AdminClient:
        """Make a `confluent_kafka.admin.AdminClient`."""
        return self._client("AdminClient", settings)  # type: ignore[no-any-return]

    def create_topic(self, name: str, partitions: int = 1, copies: int = 1) -> None:
        """Create a topic, which lies on `copies` brokers.

        A topic that is merely used comes into being with four partitions on the mock.

        Raises:
            OnsiteError: there is such a topic, or there are not enough brokers.
        """
        self._require_open()
        if not 1 <= copies <= len(self._brokers) or partitions < 1:
            raise OnsiteError(
                f"topic {name!r} needs at least 1 partition and 1 to {len(self._brokers)} copies, "
                f"as many as there are brokers; it is to have {partitions} and {copies}."
            )
        if self._server is not None:
            self._order("topic", name, partitions, copies)
            return
        library = client_library("confluent_kafka.admin", PACKAGE.pip)
        new = library.NewTopic(name, num_partitions=partitions, replication_factor=copies)
        try:
            self.admin().create_topics([new])[name].result(timeout=30)
        except Exception as error:
            raise OnsiteError(f"topic {name!r} was not created: {error}") from error

    # --- brokers ---

    def broker_down(self, number: int) -> None:
        """Take broker `number` away: its connections end and new ones are refused.

        Its partitions have no leader then; a mock elects no other one. Records are kept.

        Raises:
            OnsiteError: there is no such broker, or these are the user's own.
        """
        self._order("down", self._known(number))
        self._down.add(number)

    def broker_up(self, number: int) -> None:
        """Bring broker `number` back.

        Raises:
            OnsiteError: there is no such broker, or these are the user's own.
        """
        self._order("up", self._known(number))
        self._down.discard(number)

    def broker_delay(self, number: int, milliseconds: int) -> None:
        """Let every answer of broker `number` take `milliseconds` longer."""
        self._order("delay", self._known(number), milliseconds)

    def stop(self) -> None:
        """Take all brokers away; `start` brings them back with their records."""
        for number in self._brokers:
            self.broker_down(number)

    def start(self) -> None:
        """Bring all brokers back.

        Raises:
            OnsiteError: the mock was killed, and its records with it.
        """
        if not self._private().is_running():
            raise OnsiteError("this cluster was killed and kept nothing; call kafka() for another.")
        for number in self._brokers:
            self.broker_up(number)

    # --- within ---

    def _client(self, kind: str, settings: Mapping[str, Any] | None) -> Any:
        self._require_open()
        here = {
            "bootstrap.servers": self._bootstrap,
            # librdkafka writes to standard error, at any time, that a broker went away: in a check
            # that costs the points. Callbacks and errors still tell
            "log_level": 2,
        }
        wanted = {**here, **(settings or {})}
        if "transactional.id" in wanted and not self._is_real:
            raise _refusal("init_transactions")
        return self._clients[kind](wanted)

    @cached_property
    def _clients(self) -> dict[str, type]:
        """The classes of clients; for the mock, without what it does wrong."""
        library = client_library("confluent_kafka", PACKAGE.pip)
        admin = client_library("confluent_kafka.admin", PACKAGE.pip)
        classes = (library.Producer, library.Consumer, admin.AdminClient)
        if self.is_real:
            return {one.__name__: one for one in classes}
        return {
            one.__name__: type(
                one.__name__, (one,), {n: _refuser(n) for n in REFUSED if hasattr(one, n)}
            )
            for one in classes
        }

    def _known(self, number: int) -> int:
        if number not in self._brokers:
            raise OnsiteError(f"there is no broker {number}; there are {self._brokers}.")
        return number

    def _order(self, verb: str, *values: object) -> None:
        port = self._private().port
        try:
            with Client(("127.0.0.1", port), authkey=self._key.encode()) as mock:
                mock.send_bytes(json.dumps([verb, *values]).encode())
                problem = mock.recv_bytes().decode()
        except (OSError, EOFError):
            raise OnsiteError(f"the mock cluster does not answer: it is {self.state}.") from None
        if problem:
            raise OnsiteError(f"{verb} {values} did not work: {problem}.")

    def _facts(self) -> tuple[str, ...]:
        truth = "real brokers" if self.is_real else "a mock, not a real broker: no transactions"
        return (truth, *super()._facts())


def kafka(brokers: int = 3) -> Kafka:
    """Give a private cluster that speaks Kafka's protocol; each call starts another.

    It is librdkafka's mock of Kafka, in a process of its own: records lie in memory (the newest
    5 MB of each partition), and transactions are refused. With `ONSITE_KAFKA_BOOTSTRAP` set to
    host:port of real brokers it is those, with whatever topics they have; `is_real` tells.

    Args:
        brokers: how many the mock has.

    Raises:
        OnsiteError: the library is missing, it does not start, or the user's own does not answer.
    """
    own = os.environ.get(PACKAGE.variable)
    if own:
        return _on_own_brokers(own)
    if not 1 <= brokers <= 16:
        raise OnsiteError(f"a mock cluster has 1 to 16 brokers, not {brokers}.")
    package = installed_version("kafka", "confluent-kafka")
    library = client_library("confluent_kafka", PACKAGE.pip)
    key = secrets.token_hex(16)
    server = process.launch(
        python_recipe(
            "kafka_mock",
            {"brokers": brokers, "rebalance_ms": REBALANCE_MS, "key": key},
            service="librdkafka's mock of Kafka",
            version=library.libversion()[0],
            origin=f"wheel confluent-kafka {package}",
        )
    )
    bootstrap = facts(server)["bootstrap"]
    return Kafka(bootstrap, MOCK, tuple(range(1, brokers + 1)), server, key)


def _on_own_brokers(bootstrap: str) -> Kafka:
    admin = client_library("confluent_kafka.admin", PACKAGE.pip)
    kafka_error = client_library("confluent_kafka", PACKAGE.pip).KafkaException
    try:
        asked = admin.AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        said = asked.list_topics(timeout=PATIENCE)
    except kafka_error as error:
        raise OnsiteError(
            f"the brokers at {PACKAGE.variable} cannot be used ({error.args[0].str()}); it must "
            f"look like host:9092,host:9092. Start them, or unset {PACKAGE.variable} for a mock."
        ) from error
    return Kafka(bootstrap, said.cluster_id or "", tuple(sorted(said.brokers)))


def _refusal(method: str) -> OnsiteError:
    return OnsiteError(
        f"this is librdkafka's mock of Kafka, not a real broker, and it {REFUSED[method]}; for "
        f"that, set {PACKAGE.variable} to host:port of a real broker."
    )


def _refuser(method: str) -> Any:
    def refuse(self: object, *_: object, **__: object) -> None:
        raise _refusal(method)

    return refuse
