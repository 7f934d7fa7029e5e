"""librdkafka's mock cluster in a process of its own.

librdkafka has this cluster for its tests: brokers that speak Kafka's protocol on TCP and keep
records in memory. It is reached by its C functions, since confluent-kafka wraps only its start.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import signal
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from types import FrameType
from typing import Any

from confluent_kafka import cimpl

from onsite.servers import kept

PRODUCER = 0
# AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit
TRANSACTION_REQUESTS = (24, 25, 26, 28)
REFUSED = 53  # TRANSACTIONAL_ID_AUTHORIZATION_FAILED: it makes clients give up at once
REFUSALS = 10_000


def library() -> ctypes.CDLL:
    """Librdkafka as confluent-kafka brought it, with the types of what is used of it."""
    found = ctypes.CDLL(cimpl.__file__)  # its symbols are those of the libraries it is linked to
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, arguments in (
        ("conf_new", pointer, ()),
        ("conf_set", number, (pointer, text, text, pointer, ctypes.c_size_t)),
        ("new", pointer, (number, pointer, text, ctypes.c_size_t)),
        ("mock_cluster_new", pointer, (pointer, number)),
        ("mock_cluster_bootstraps", text, (pointer,)),
        ("mock_group_initial_rebalance_delay_ms", None, (pointer, ctypes.c_int32)),
        ("mock_topic_create", number, (pointer, text, number, number)),
        ("mock_broker_set_down", number, (pointer, ctypes.c_int32)),
        ("mock_broker_set_up", number, (pointer, ctypes.c_int32)),
        ("mock_broker_set_rtt", number, (pointer, ctypes.c_int32, number)),
        (
            "mock_push_request_errors_array",
            None,
            (pointer, ctypes.c_int16, ctypes.c_size_t, pointer),
        ),
        ("err2str", text, (number,)),
    ):
        function = getattr(found, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return found


class Cluster:
    """A mock cluster of `brokers` brokers, numbered from 1."""

    def __init__(self, brokers: int, rebalance_ms: int) -> None:
        """Start it; members of a group wait for each other for `rebalance_ms`."""
        self._kafka = library()
        reason = ctypes.create_string_buffer(512)
        settings = self._kafka.rd_kafka_conf_new()
        # it would warn that the client, which is only there to have a cluster, knows no broker
        self._kafka.rd_kafka_conf_set(settings, b"log_level", b"3", None, 0)
        client = self._kafka.rd_kafka_new(PRODUCER, settings, reason, 512)
        self._cluster = client and self._kafka.rd_kafka_mock_cluster_new(client, brokers)
        if not self._cluster:
            sys.exit(f"librdkafka made no mock cluster: {reason.value.decode()}")
        self._kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_ms)
        # It would accept transactions and then show aborted records as if they were committed.
        errors = (ctypes.c_int * REFUSALS)(*[REFUSED] * REFUSALS)
        for request in TRANSACTION_REQUESTS:
            self._kafka.rd_kafka_mock_push_request_errors_array(
                self._cluster, request, REFUSALS, errors
            )

    @property
    def bootstrap(self) -> str:
        """The addresses of its brokers, by number."""
        said: bytes = self._kafka.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return said.decode()

    def obey(self, verb: str, *values: Any) -> str:
        """Do what the handle asks for; answers with what is wrong, or with nothing."""
        kafka = self._kafka
        match verb, values:
            case "topic", (str(name), int(partitions), int(copies)):
                error = kafka.rd_kafka_mock_topic_create(
                    self._cluster, name.encode(), partitions, copies
                )
            case "down", (int(broker),):
                error = kafka.rd_kafka_mock_broker_set_down(self._cluster, broker)
            case "up", (int(broker),):
                error = kafka.rd_kafka_mock_broker_set_up(self._cluster, broker)
            case "delay", (int(broker), int(milliseconds)):
                error = kafka.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds)
            case _:
                return f"unknown order {verb}{values}"
        return kafka.rd_kafka_err2str(error).decode() if error else ""


def serve(connection: Connection, cluster: Cluster) -> None:
    """Obey one order of the handle."""
    with connection, contextlib.suppress(EOFError):
        connection.send_bytes(cluster.obey(*json.loads(connection.recv_bytes())).encode())


def end(_: int, __: FrameType | None) -> None:
    """Leave at once: all there is lies in memory."""
    sys.exit(0)


def main() -> None:
    """Run a cluster, and take orders on the port."""
    wanted = kept.settings()
    signal.signal(signal.SIGTERM, end)
    with Listener(("127.0.0.1", wanted["port"]), authkey=wanted["key"].encode()) as orders:
        kept.drop_root(wanted["account"])
        cluster = Cluster(wanted["brokers"], wanted["rebalance_ms"])
        kept.say_ready(bootstrap=cluster.bootstrap)
        while True:
            # a stranger that does not know the key, or that hangs up
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                serve(orders.accept(), cluster)


if __name__ == "__main__":
    main()
