"""RabbitMQ: `mq = rabbitmq()` gives a private broker."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.family import listens
from onsite.services.packages import cure, package_of
from onsite.services.programs import Program, find_program
from onsite.services.server_handle import ServerHandle, client_library

PACKAGE = package_of("rabbitmq")
PLACES = (
    "/usr/lib/rabbitmq/bin",  # the script in Debian's /usr/sbin is for its own account only
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)
WRAPPER = "rabbitmq-script-wrapper"  # what that script is
USER = "onsite"

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
log.console = true
log.console.level = info
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
"""


class RabbitMQ(ServerHandle):
    """A RabbitMQ broker."""

    service = "RabbitMQ"
    call = "rabbitmq"
    variable = PACKAGE.variable

    def __init__(
        self,
        url: str,
        server: process.Server | None = None,
        mapper: process.Server | None = None,
    ) -> None:
        """Connect to the broker at `url` and ask it what it is.

        Args:
            url: amqp://user:password@host:port/virtual-host.
            server: the private broker; None for a user's own.
            mapper: the server that a private broker registers with.
        """
        self._url = url
        self._mapper = mapper
        with self._connect() as connection:
            # pika has no other way to what the broker said when the connection was made
            said = connection._impl.server_properties
        self.service = str(said["product"])
        self.version = str(said["version"])
        super().__init__(urlsplit(url).netloc.rpartition("@")[2], server)

    @property
    def url(self) -> str:
        """The address, as AMQP clients and Celery take it: amqp://user:password@host:port/."""
        self._require_open()
        return self._url

    def connect(self, **options: Any) -> Any:
        """Open a `pika.BlockingConnection`; `options` are attributes of its parameters."""
        self._require_open()
        return self._connect(**options)

    def depth(self, queue: str) -> tuple[int, int]:
        """Ask how full a queue is.

        Returns:
            The number of messages that are ready, and of consumers.

        Raises:
            pika.exceptions.ChannelClosedByBroker: there is no such queue.
        """
        with self.connect() as connection:
            found = connection.channel().queue_declare(queue, passive=True).method
        return found.message_count, found.consumer_count

    def _connect(self, **options: Any) -> Any:
        pika = client_library("pika", "pika")
        parameters = pika.URLParameters(self._url)
        for name, value in options.items():
            setattr(parameters, name, value)
        return pika.BlockingConnection(parameters)

    def _release(self) -> None:
        super()._release()
        if self._mapper is not None:
            self._mapper.close()


def rabbitmq() -> RabbitMQ:
    """Give a private RabbitMQ; each call starts another, which takes some seconds.

    With `ONSITE_RABBITMQ_URL` set it is the user's own broker, with whatever queues it has.

    Raises:
        OnsiteError: no RabbitMQ can be found, started or reached.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    program = find_program((PACKAGE.program,), None, PLACES, cure("rabbitmq"), PACKAGE.debian)
    script = program.path
    if script.name == WRAPPER:
        script = script.with_name("rabbitmq-server")
    version = _version(script)
    password = secrets.token_hex(8)
    mapper = process.launch(_mapper(program))
    try:
        server = process.launch(
            process.Recipe(
                service=RabbitMQ.service,
                version=version,
                origin=program.origin,
                prepare=partial(_prepare, program, script, mapper.port, password),
                ready=_ready,
                stop_signal=signal.SIGTERM,
                environment=program.environment,
                taken="eaddrinuse",
                log_lines=60,  # Erlang's own noise follows the reason
            )
        )
    except BaseException:
        mapper.close()
        raise
    try:
        return RabbitMQ(f"amqp://{USER}:{password}@127.0.0.1:{server.port}/%2F", server, mapper)
    except BaseException:
        server.close()
        mapper.close()
        raise


def _on_own_server(address: str) -> RabbitMQ:
    if urlsplit(address).scheme not in ("amqp", "amqps"):
        raise OnsiteError(f"{PACKAGE.variable} must look like amqp://user:password@host:5672/.")
    errors = client_library("pika.exceptions", "pika")
    try:
        return RabbitMQ(address)
    except (errors.AMQPError, OSError) as error:
        raise OnsiteError(
            f"the broker at {PACKAGE.variable} cannot be used ({error!r}); start it, or unset "
            f"{PACKAGE.variable} for a private one."
        ) from error


def _version(script: Path) -> str:
    """The version in the name of the library: asking the program itself takes seconds."""
    home = script.resolve().parents[1]
    for path in sorted(home.glob("plugins/rabbit-*"), reverse=True):
        if found := re.match(r"rabbit-(\d+\.[\d.]*\d)", path.name):
            return found[1]
    raise OnsiteError(f"{script} is not a RabbitMQ server: there is no plugins/rabbit-* beside it.")


# Erlang insists on its port mapper, epmd, and would start one that stays forever. This one has a
# keeper of its own.


def _mapper(program: Program) -> process.Recipe:
    epmd = _erlang_file(program, "epmd")
    return process.Recipe(
        service="epmd (of RabbitMQ)",
        version=_erlang_version(epmd),
        origin=program.origin,
        prepare=lambda data, port: (str(epmd), "-port", str(port), "-address", "127.0.0.1"),
        ready=lambda data, port: listens(data.parent, port),
        stop_signal=signal.SIGTERM,
        environment=program.environment,
    )


def _erlang_file(program: Program, name: str) -> Path:
    """Find a program of the Erlang that RabbitMQ runs on."""
    for pattern in ("usr/lib/erlang/erts-*/bin", "usr/lib*/erlang/erts-*/bin"):
        for folder in sorted(program.root.glob(pattern), reverse=True):
            if os.access(folder / name, os.X_OK):
                return folder / name
    found = find_program((name,), None, (), f"RabbitMQ needs Erlang; {cure('rabbitmq')}")
    return found.path


def _erlang_version(epmd: Path) -> str:
    found = re.search(r"erts-([\d.]+)", str(epmd.resolve()))
    return found[1] if found else "of Erlang"


def _prepare(
    program: Program, script: Path, mapper: int, password: str, data: Path, port: int
) -> Sequence[str]:
    if "'" in str(data):  # it asks `df` about it between such marks, and waits for ever
        raise OnsiteError(
            f"RabbitMQ cannot run below {data}, which has an apostrophe in it; set ONSITE_RUNTIME "
            "to a folder whose path has none."
        )
    (data / "rabbitmq.conf").write_text(
        CONFIGURATION.format(port=port, user=USER, password=password), encoding="ascii"
    )
    (data / "plugins").write_text("[].\n", encoding="ascii")
    (data / "bin").mkdir()
    if program.root != Path("/"):
        _write_erl(_erlang_file(program, "erlexec"), data / "bin" / "erl")
    variables = {
        "HOME": data,
        "PATH": f"{data / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "ERL_EPMD_PORT": mapper,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "onsite@localhost",
        "RABBITMQ_DIST_PORT": process.free_port(),
        "RABBITMQ_MNESIA_BASE": data / "mnesia",
        "RABBITMQ_LOG_BASE": data / "logs",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": data / "rabbitmq.conf",
        "RABBITMQ_CONF_ENV_FILE": data / "none",
        "RABBITMQ_ENABLED_PLUGINS_FILE": data / "plugins",
        "RABBITMQ_FEATURE_FLAGS_FILE": data / "feature_flags",
        "RABBITMQ_GENERATED_CONFIG_DIR": data / "generated",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
        ),
        "RUNNING_UNDER_SYSTEMD": "1",  # the script is to become the broker, not its parent
    }
    # RabbitMQ's scripts split the path that they are called by at its spaces: this one has none
    real = script.resolve()
    (data / "rabbitmq").symlink_to(real.parents[1])
    words = [f"{name}={value}" for name, value in variables.items()]
    return ("/usr/bin/env", *words, f"rabbitmq/{real.parent.name}/{real.name}")


def _write_erl(erlexec: Path, target: Path) -> None:
    """Write the command `erl`: the package's own looks for Erlang where it would be installed."""
    root, programs = (shlex.quote(str(path)) for path in (erlexec.parents[2], erlexec.parent))
    target.write_text(
        f"#!/bin/sh\nROOTDIR={root} BINDIR={programs} EMU=beam PROGNAME=erl\n"
        'export ROOTDIR BINDIR EMU PROGNAME\nexec "$BINDIR/erlexec" "$@"\n',
        encoding="utf-8",
    )
    target.chmod(0o755)


def _ready(data: Path, port: int) -> bool:
    """Begin to speak AMQP, as its clients do: the answer is a frame on channel 0."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
