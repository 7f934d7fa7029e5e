"""memcached: a client round trip, statistics, stop and start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymemcache.exceptions import MemcacheUnexpectedCloseError

from onsite.errors import OnsiteError
from onsite.services import Memcached, memcached


@pytest.fixture
def cache() -> Iterator[Memcached]:
    with memcached() as handle:
        yield handle


def test_a_round_trip_in_text(cache: Memcached) -> None:
    assert cache.client.set("greeting", "grüezi", expire=60)
    assert cache.client.get("greeting") == "grüezi"
    assert cache.client.get("nothing") is None
    assert cache.client.add("greeting", "again") is False
    client = cache.connect()
    assert client.get("greeting") == "grüezi".encode()
    client.close()


def test_statistics(cache: Memcached) -> None:
    cache.client.set("k", "v")
    cache.client.get("k")
    cache.client.get("other")
    stats = cache.stats()
    assert (stats["get_hits"], stats["get_misses"], stats["curr_items"]) == ("1", "1", "1")
    assert stats["version"] == cache.version


def test_its_memory_is_bounded() -> None:
    with memcached(megabytes=8) as small:
        assert small.stats()["limit_maxbytes"] == str(8 * 1024 * 1024)
        for n in range(40):
            small.client.set(f"k{n}", "x" * 500_000)
        assert int(small.stats()["evictions"]) > 0


@pytest.mark.parametrize("end", [Memcached.stop, Memcached.kill])
def test_it_comes_back_empty_at_the_same_address(cache: Memcached, end: object) -> None:
    cache.client.set("k", "v")
    name = cache.name
    end(cache)  # type: ignore[operator]
    assert cache.state == "stopped"
    with pytest.raises((MemcacheUnexpectedCloseError, OSError)):
        cache.client.get("k")
    cache.start()
    assert (cache.state, cache.name) == ("running", name)
    assert cache.client.get("k") is None


def test_own_server(cache: Memcached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_MEMCACHED_URL", cache.url)
    with memcached() as own:
        own.client.set("k", "v")
        assert "your server (ONSITE_MEMCACHED_URL)" in repr(own)
        for use in (own.stop, own.start, own.kill, own.log_tail):
            with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
                use()
    assert cache.client.get("k") == "v"
    monkeypatch.setenv("ONSITE_MEMCACHED_URL", "memcached://127.0.0.1:1")
    with pytest.raises(OnsiteError, match=r"cannot be used .*unset ONSITE_MEMCACHED_URL"):
        memcached()
    monkeypatch.setenv("ONSITE_MEMCACHED_URL", "127.0.0.1:1")
    with pytest.raises(OnsiteError, match="must look like memcached://"):
        memcached()


def test_use_after_close_is_clear(cache: Memcached) -> None:
    cache.close()
    cache.close()
    assert cache.state == "closed"
    for use in (lambda: cache.url, lambda: cache.client, cache.connect, cache.stats, cache.stop):
        with pytest.raises(OnsiteError, match=r"closed; call memcached\(\) for a new one"):
            use()
    assert "closed" in cache._repr_html_()
