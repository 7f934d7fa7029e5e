"""Real servers for notebooks: `from onsite.services import postgres, valkey`."""

from onsite.services.handles.postgres import Postgres, postgres
from onsite.services.handles.valkey import Valkey, redis, valkey

__all__ = ["Postgres", "Valkey", "postgres", "redis", "valkey"]
