"""Real servers for notebooks: `from onsite.services import postgres, valkey`.

Each name is imported when it is asked for: the clients of all servers together take longer to
import than the rest of a command. What a name is, is in __init__.pyi.
"""

from importlib import import_module
from typing import Any

#: The names of each module of `handles`.
_HOMES = {
    "celery_worker": ("CeleryWorker", "celery_worker"),
    "faulty": ("Fault", "FaultyLink", "faulty"),
    "haproxy": ("HAProxy", "haproxy"),
    "kafka": ("Kafka", "kafka"),
    "load": ("Load", "LoadResult", "load"),
    "mariadb": ("MariaDB", "mariadb"),
    "memcached": ("Memcached", "memcached"),
    "nginx": ("Nginx", "nginx"),
    "oidc": ("Oidc", "oidc"),
    "pgbouncer": ("PgBouncer", "pgbouncer"),
    "postgres": ("Postgres", "postgres"),
    "postgres_cluster": ("PostgresCluster", "postgres_cluster"),
    "rabbitmq": ("RabbitMQ", "rabbitmq"),
    "s3": ("S3", "s3"),
    "smtp": ("Mail", "MailCatcher", "smtp"),
    "supervisor": ("Supervisor", "supervisor"),
    "valkey": ("Valkey", "redis", "valkey"),
    "valkey_cluster": ("ValkeyCluster", "valkey_cluster"),
    "web": ("Web", "web"),
}

__all__ = [name for names in _HOMES.values() for name in names]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"onsite.services.handles.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
