"""Addresses of what a service stands in front of: a handle, a URL, or host:port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services.handle import Handle

Target = Handle | str
"""A handle, its URL, or host:port."""

DEFAULT_PORTS = {
    "amqp": 5672,
    "http": 80,
    "https": 443,
    "kafka": 9092,
    "memcached": 11211,
    "mysql": 3306,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "smtp": 25,
}


def url_of(target: Target) -> str:
    """The URL of `target`; host:port becomes tcp://host:port."""
    url = target.url if isinstance(target, Handle) else target
    return url if "://" in url else f"tcp://{url}"


def host_port(target: Target) -> tuple[str, int]:
    """Where `target` listens.

    Raises:
        OnsiteError: it names no host, or no port and no service whose port is known.
    """
    url = url_of(target)
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme.partition("+")[0])
    except ValueError:  # a port that is no number, brackets that do not match
        parts, port = urlsplit("tcp://"), None
    if not parts.hostname or port is None:
        raise OnsiteError(
            "a target is a handle, a URL with a host, or host:port; "
            f"{_without_password(url)!r} is none."
        )
    return parts.hostname, port


def with_address(url: str, address: str) -> str:
    """`url` with its host and port replaced by `address`; user and password stay."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    head, _, tail = url.partition(f"//{parts.netloc}")
    return f"{head}//{user}{at}{address}{tail}"


def fill(text: str, names: Mapping[str, object]) -> str:
    """Put values in place of {name} in a configuration, whose other braces stay as they are."""
    for name, value in names.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def written_out(upstreams: Mapping[str, Target | Sequence[Target]]) -> dict[str, str]:
    """host:port of those `upstreams` that are one target, for `fill`."""
    single = {name: one for name, one in upstreams.items() if isinstance(one, Handle | str)}
    return {name: "{}:{}".format(*host_port(one)) for name, one in single.items()}


def groups(upstreams: Mapping[str, Target | Sequence[Target]]) -> dict[str, list[str]]:
    """host:port of each target of those `upstreams` that are several.

    Raises:
        OnsiteError: one is empty.
    """
    found = {}
    for name, several in upstreams.items():
        if not isinstance(several, Handle | str):
            found[name] = ["{}:{}".format(*host_port(one)) for one in several]
            if not found[name]:
                raise OnsiteError(f"the upstream {name} has no target.")
    return found
