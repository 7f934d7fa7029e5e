"""Kafka's protocol on librdkafka's mock: what it can, what it refuses, brokers that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from tests.services.owners import wait_until

from onsite.errors import OnsiteError
from onsite.services import Kafka, kafka

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def k() -> Iterator[Kafka]:
    with kafka() as handle:
        yield handle


def send(
    k: Kafka, topic: str, *values: str, settings: dict[str, Any] | None = None
) -> list[tuple[int, int]]:
    """Produce `values`, each its own key; the partitions and offsets they got."""
    places: list[tuple[int, int]] = []

    def note(error: object, message: Any) -> None:
        assert error is None
        places.append((message.partition(), message.offset()))

    producer = k.producer(settings)
    for value in values:
        producer.produce(topic, value, key=value, on_delivery=note)
    assert producer.flush(10) == 0
    return places


def take(consumer: Consumer, count: int) -> list[str]:
    """Read `count` records."""
    values: list[str] = []

    def enough() -> bool:
        message = consumer.poll(0.05)
        if message is not None and not message.error():
            values.append(message.value().decode())
        return len(values) >= count

    wait_until(enough, f"{count} records")
    return values


def test_it_says_that_it_is_no_real_broker(k: Kafka) -> None:
    assert not k.is_real
    assert k.service == "librdkafka's mock of Kafka"
    assert "not a real broker" in repr(k)
    assert "not a real broker" in k._repr_html_()
    assert len(k.url.split(",")) == len(k.brokers) == 3


def test_records_with_the_same_key_go_to_the_same_partition(k: Kafka) -> None:
    k.create_topic("keys", partitions=6)
    partitions = k.producer().list_topics("keys", timeout=10).topics["keys"].partitions
    assert len(partitions) == 6
    places = send(k, "keys", *"abcdef", *"abcdef", settings={"enable.idempotence": True})
    for place in places:
        assert [p for p, _ in places].count(place[0]) % 2 == 0
    assert len({p for p, _ in places}) > 1
    assert len(set(places)) == 12


def test_a_group_shares_partitions_and_rebalances(k: Kafka) -> None:
    k.create_topic("shared", partitions=4)
    one, two = k.consumer("sharing"), k.consumer("sharing")
    try:
        one.subscribe(["shared"])
        wait_until(lambda: one.poll(0.05) is None and len(one.assignment()) == 4, "one has all")
        two.subscribe(["shared"])

        def both() -> list[int]:
            for consumer in (one, two):
                consumer.poll(0.05)
            return [len(one.assignment()), len(two.assignment())]

        wait_until(lambda: both() == [2, 2], "each has half")
        two.close()
        wait_until(lambda: one.poll(0.05) is None and len(one.assignment()) == 4, "one has all")
    finally:
        one.close()


def test_a_group_forms_within_a_second(k: Kafka) -> None:
    # not this machine's speed but the mock's own waiting, which is 3 s unless it is told otherwise
    waits = []
    for attempt in range(3):
        send(k, f"quick-{attempt}", "x")
        consumer = k.consumer(f"quick-{attempt}")
        began = time.monotonic()
        consumer.subscribe([f"quick-{attempt}"])
        take(consumer, 1)
        waits.append(time.monotonic() - began)
        consumer.close()
    assert min(waits) < 1, waits


def test_committed_offsets_are_resumed_and_records_can_be_replayed(k: Kafka) -> None:
    k.create_topic("resumed")
    send(k, "resumed", "a", "b", "c")
    first = k.consumer("resuming", {"enable.auto.commit": False})
    first.subscribe(["resumed"])
    assert take(first, 2) == ["a", "b"]
    first.commit(asynchronous=False)
    first.close()
    second = k.consumer("resuming")
    second.subscribe(["resumed"])
    assert take(second, 1) == ["c"]
    second.close()
    replay = k.consumer("another group")
    replay.subscribe(["resumed"])
    assert take(replay, 3) == ["a", "b", "c"]
    replay.close()


def test_a_broker_taken_down_and_up() -> None:
    with kafka(brokers=1) as k:
        k.create_topic("t")
        send(k, "t", "before")
        k.broker_down(1)
        assert k.state == "stopped"
        failed: list[object] = []
        producer = k.producer({"message.timeout.ms": 500, **QUIET})
        producer.produce("t", "lost", on_delivery=lambda error, _: failed.append(error))
        producer.flush(10)
        assert failed and failed[0] is not None
        k.broker_up(1)
        assert k.state == "running"
        assert send(k, "t", "after") == [(0, 1)], "the record of before is still there"


def test_one_broker_of_three_down_leaves_the_others() -> None:
    with kafka() as k:
        k.broker_down(2)
        assert k.state == "running, down: 2"
        metadata = k.producer(QUIET).list_topics(timeout=10)
        assert metadata.brokers
        k.stop()
        assert k.state == "stopped"
        k.start()
        assert k.state == "running"
        send(k, "t", "x", settings=QUIET)


def test_a_slow_broker(k: Kafka) -> None:
    with kafka(brokers=1) as slow:
        slow.broker_delay(1, 400)
        began = time.monotonic()
        send(slow, "t", "x")
        assert time.monotonic() - began > 0.4  # no less than what was asked for


def test_transactions_are_refused_with_the_reason(k: Kafka) -> None:
    with pytest.raises(OnsiteError, match=r"not a real broker.*ONSITE_KAFKA_BOOTSTRAP"):
        k.producer({"transactional.id": "t"})


def test_a_client_of_your_own_cannot_run_transactions_either(k: Kafka) -> None:
    settings = {"bootstrap.servers": k.url, "transactional.id": "t", "log_level": 0}
    producer = Producer(settings)
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce("transactional", "x")
    with pytest.raises(KafkaException, match="Transactional Id authorization failed"):
        producer.commit_transaction(10)


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (lambda k: k.consumer("g").offsets_for_times([]), "finds no offset for any time"),
        (lambda k: k.admin().list_consumer_groups(), "lists no groups"),
        (lambda k: k.admin().create_topics([]), "use create_topic of the handle"),
        (lambda k: k.producer().init_transactions(), "fences no zombies"),
    ],
)
def test_what_the_mock_does_wrong_is_refused(
    k: Kafka, use: Callable[[Kafka], object], reason: str
) -> None:
    with pytest.raises(OnsiteError, match=reason):
        use(k)


def test_unreasonable_wishes(k: Kafka) -> None:
    k.create_topic("once")
    for wish, message in (
        (lambda: k.create_topic("once"), "already exists"),
        (lambda: k.create_topic("many", copies=4), "1 to 3 copies"),
        (lambda: k.create_topic("none", partitions=0), "at least 1 partition"),
        (lambda: k.broker_down(9), "no broker 9"),
        (lambda: kafka(brokers=0), "1 to 16 brokers"),
    ):
        with pytest.raises(OnsiteError, match=message):
            wish()


def test_a_killed_cluster_says_so() -> None:
    with kafka() as k:
        k.kill()
        with pytest.raises(OnsiteError, match=r"kept nothing; call kafka\(\) for another"):
            k.start()
        with pytest.raises(OnsiteError, match="does not answer"):
            k.broker_up(1)


def test_a_strangers_words_to_the_control_port_change_nothing(k: Kafka) -> None:
    import socket

    assert k._server is not None
    with socket.create_connection(("127.0.0.1", k._server.port)) as stranger:
        stranger.sendall(b"\0\0\0\x0cnot the key!")
        stranger.recv(100)
    k.broker_up(1)


def test_brokers_of_your_own(k: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_KAFKA_BOOTSTRAP", k.url)
    with kafka() as own:
        assert own.url == k.url
        assert own.brokers == k.brokers
        assert not own.is_real, "a mock is known by its id, wherever it runs"
        send(own, "on my own", "x")
        for use in (own.stop, own.start, own.log_tail, lambda: own.broker_down(1)):
            with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
                use()
    assert k.state == "running"


def test_real_brokers_are_not_refused_anything() -> None:
    with Kafka("127.0.0.1:1", "an id", (1,)) as real:
        assert real.is_real
        assert type(real.producer({"transactional.id": "t", **QUIET})) is Producer
        assert type(real.admin(QUIET)) is AdminClient


def test_brokers_of_your_own_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr("onsite.services.handles.kafka.PATIENCE", 1)
    with pytest.raises(OnsiteError, match=r"cannot be used .*unset ONSITE_KAFKA_BOOTSTRAP"):
        kafka()


def test_clients_that_outlive_their_cluster_write_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with kafka() as k:
        send(k, "t", "x")
        producer, consumer = k.producer(), k.consumer("g")
        consumer.subscribe(["t"])
        take(consumer, 1)
    producer.produce("t", "late")
    assert producer.flush(1) == 1
    consumer.close()
    assert capfd.readouterr().err == ""


def test_closed() -> None:
    k = kafka()
    k.close()
    k.close()
    assert k.state == "closed"
    uses = (lambda: k.url, k.producer, lambda: k.consumer("g"), k.admin, k.stop, k.log_tail)
    for use in (*uses, lambda: k.create_topic("t"), lambda: k.broker_down(1)):
        with pytest.raises(OnsiteError, match=r"closed; call kafka\(\) for a new one"):
            use()
