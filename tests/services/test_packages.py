"""Addresses of servers of the user's own: what is wrong with one is told without its password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onsite import services
from onsite.errors import OnsiteError
from onsite.services.packages import PACKAGES
from onsite.services.running import overrides

MAKERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "haproxy": ("http", services.haproxy),
    "mariadb": ("mysql", services.mariadb),
    "memcached": ("memcached", services.memcached),
    "nginx": ("http", services.nginx),
    "oidc": ("http", services.oidc),
    "pgbouncer": ("postgresql", lambda: services.pgbouncer(services.postgres())),
    "postgres": ("postgresql", services.postgres),
    "rabbitmq": ("amqp", services.rabbitmq),
    "s3": ("http", services.s3),
    "smtp": ("smtp", services.smtp),
    "valkey": ("redis", services.valkey),
}


def test_all_that_have_a_url_are_tried() -> None:
    named = {name for name, one in PACKAGES.items() if one.variable}
    assert named - {"kafka"} == set(MAKERS)  # Kafka's variable is no URL


@pytest.mark.parametrize("rest", ["[127.0.0.1:1", "127.0.0.1:x/", "127.0.0.1:1/"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_bad_address_is_told_without_its_password(
    name: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, make = MAKERS[name]
    variable = PACKAGES[name].variable
    monkeypatch.setenv(variable, f"{scheme}://user:geheim@{rest}")
    with pytest.raises(OnsiteError) as caught:
        make()
    assert "geheim" not in str(caught.value)
    assert overrides()[variable] == rest.rstrip("/")
    assert variable in str(caught.value)


@pytest.mark.parametrize("name", ["postgres", "pgbouncer"])
def test_what_libpq_repeats_of_a_password_is_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = PACKAGES[name].variable
    monkeypatch.setenv(variable, "postgresql://user:geheim%zz@127.0.0.1:1")
    with pytest.raises(OnsiteError, match=f"{variable} cannot be used .the address is malformed"):
        MAKERS[name][1]()
