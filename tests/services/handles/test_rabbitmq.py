"""RabbitMQ: publish, consume, dead-letter; stop and start with durable messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPConnectionError, ProbableAuthenticationError
from tests.services.owners import wait_until

from onsite.errors import OnsiteError
from onsite.services import RabbitMQ, folders, process, rabbitmq

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mq(runtime: object) -> Iterator[RabbitMQ]:
    with rabbitmq() as handle:
        yield handle


def test_publish_and_consume(mq: RabbitMQ) -> None:
    with mq.connect() as connection:
        channel = connection.channel()
        channel.queue_declare("work")
        for n in range(3):
            channel.basic_publish("", "work", f"job {n}".encode())
        wait_until(lambda: mq.depth("work") == (3, 0), "all are in the queue")
        taken = []
        for method, _, body in channel.consume("work", inactivity_timeout=5):
            taken.append(body)
            channel.basic_ack(method.delivery_tag)
            if len(taken) == 3:
                break
        channel.cancel()
    assert taken == [b"job 0", b"job 1", b"job 2"]
    assert mq.depth("work") == (0, 0)


def test_a_rejected_message_goes_to_the_dead_letter_queue(mq: RabbitMQ) -> None:
    with mq.connect() as connection:
        channel = connection.channel()
        channel.queue_declare("dead")
        channel.queue_declare(
            "fragile",
            arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"},
        )
        channel.basic_publish("", "fragile", b"poison")
        wait_until(lambda: mq.depth("fragile")[0] == 1, "it has arrived")
        method, _, _ = channel.basic_get("fragile")
        channel.basic_nack(method.delivery_tag, requeue=False)
        wait_until(lambda: mq.depth("dead")[0] == 1, "it is dead")
        _, properties, body = channel.basic_get("dead", auto_ack=True)
    assert body == b"poison"
    (death,) = properties.headers["x-death"]
    assert (death["queue"], death["reason"]) == ("fragile", "rejected")


def is_recorded(queue: bytes) -> bool:
    """Whether the database of a running RabbitMQ has a queue of that name on the disk."""
    return any(
        queue in file.read_bytes()
        for folder in folders.server_folders()
        for file in folder.rglob("*")
        if file.suffix in (".LOG", ".DCD", ".DCL")
    )


@pytest.mark.parametrize("end", [RabbitMQ.stop, RabbitMQ.kill])
def test_durable_messages_come_back(mq: RabbitMQ, end: Callable[[RabbitMQ], None]) -> None:
    name = f"kept after {end.__name__}"  # the disk still knows the name of an earlier one
    with mq.connect() as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", name, b"x", pika.BasicProperties(delivery_mode=2))
        # The confirmation is for the message. Mnesia writes the queue's own record a little later,
        # and all of it when a part of the next one is there.
        channel.queue_declare(f"next to {name}", durable=True)
    wait_until(lambda: is_recorded(f"next to {name}".encode()), "the queue is on the disk")
    end(mq)
    assert mq.state == "stopped"
    with pytest.raises(AMQPConnectionError):
        mq.connect(connection_attempts=1)
    mq.start()
    with mq.connect() as connection:
        channel = connection.channel()
        assert channel.basic_get(name, auto_ack=True)[2] == b"x"
        channel.queue_delete(name)
        channel.queue_delete(f"next to {name}")


def test_it_says_what_it_is(mq: RabbitMQ) -> None:
    assert repr(mq).startswith(f"<RabbitMQ {mq.version}, running: 127.0.0.1:")
    servers = {one.recipe.service: one.recipe for one in process._servers}
    assert servers["RabbitMQ"].version == mq.version


def test_only_a_password_lets_people_in(mq: RabbitMQ) -> None:
    user, _, rest = mq.url.partition("//")[2].partition(":")
    host = rest.partition("@")[2]
    with pytest.raises(ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(f"amqp://{user}:wrong@{host}"))


def test_own_broker(mq: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_RABBITMQ_URL", mq.url)
    with rabbitmq() as own:
        assert own.version == mq.version
        assert "your server (ONSITE_RABBITMQ_URL)" in repr(own)
        assert ":***@" in own._repr_html_()
        with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
            own.stop()
    assert mq.state == "running"
    for address, message in (
        ("http://x", "must look like amqp://"),
        ("amqp://u:secret@127.0.0.1:1", "cannot be used"),
    ):
        monkeypatch.setenv("ONSITE_RABBITMQ_URL", address)
        with pytest.raises(OnsiteError, match=message) as caught:
            rabbitmq()
        assert "secret" not in str(caught.value)


def test_a_failing_start_shows_its_log_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, mq: RabbitMQ
) -> None:
    from onsite.services.handles import rabbitmq as module

    before = process._servers.copy()
    monkeypatch.setattr(module, "CONFIGURATION", module.CONFIGURATION + "no_such_setting = 1\n")
    with pytest.raises(OnsiteError, match=r"(?s)RabbitMQ .* did not start.*no_such_setting"):
        rabbitmq()
    assert process._servers == before


def test_an_apostrophe_in_the_path_is_said_so(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = runtime.with_name("a learner's runtime")
    home.mkdir()
    (home / "packages").symlink_to(runtime / "packages")
    monkeypatch.setenv("ONSITE_RUNTIME", str(home))
    with pytest.raises(OnsiteError, match="has an apostrophe in it; set ONSITE_RUNTIME to a"):
        rabbitmq()
    assert list(folders.server_folders()) == []
