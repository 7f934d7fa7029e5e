"""Real servers for notebooks: `from onsite.services import postgres, valkey`."""

from onsite.services.handles.celery_worker import CeleryWorker, celery_worker
from onsite.services.handles.faulty import Fault, FaultyLink, faulty
from onsite.services.handles.haproxy import HAProxy, haproxy
from onsite.services.handles.kafka import Kafka, kafka
from onsite.services.handles.load import Load, LoadResult, load
from onsite.services.handles.mariadb import MariaDB, mariadb
from onsite.services.handles.memcached import Memcached, memcached
from onsite.services.handles.nginx import Nginx, nginx
from onsite.services.handles.oidc import Oidc, oidc
from onsite.services.handles.pgbouncer import PgBouncer, pgbouncer
from onsite.services.handles.postgres import Postgres, postgres
from onsite.services.handles.postgres_cluster import PostgresCluster, postgres_cluster
from onsite.services.handles.rabbitmq import RabbitMQ, rabbitmq
from onsite.services.handles.s3 import S3, s3
from onsite.services.handles.smtp import Mail, MailCatcher, smtp
from onsite.services.handles.supervisor import Supervisor, supervisor
from onsite.services.handles.valkey import Valkey, redis, valkey
from onsite.services.handles.valkey_cluster import ValkeyCluster, valkey_cluster
from onsite.services.handles.web import Web, web

__all__ = [
    "S3",
    "CeleryWorker",
    "Fault",
    "FaultyLink",
    "HAProxy",
    "Kafka",
    "Load",
    "LoadResult",
    "Mail",
    "MailCatcher",
    "MariaDB",
    "Memcached",
    "Nginx",
    "Oidc",
    "PgBouncer",
    "Postgres",
    "PostgresCluster",
    "RabbitMQ",
    "Supervisor",
    "Valkey",
    "ValkeyCluster",
    "Web",
    "celery_worker",
    "faulty",
    "haproxy",
    "kafka",
    "load",
    "mariadb",
    "memcached",
    "nginx",
    "oidc",
    "pgbouncer",
    "postgres",
    "postgres_cluster",
    "rabbitmq",
    "redis",
    "s3",
    "smtp",
    "supervisor",
    "valkey",
    "valkey_cluster",
    "web",
]
