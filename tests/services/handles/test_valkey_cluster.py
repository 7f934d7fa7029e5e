"""A Valkey cluster of three."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis.exceptions import RedisClusterException, ResponseError

from onsite.errors import OnsiteError
from onsite.services import ValkeyCluster, folders, valkey_cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(runtime: object) -> Iterator[ValkeyCluster]:
    with valkey_cluster() as handle:
        yield handle


def test_keys_are_spread_and_found(cluster: ValkeyCluster) -> None:
    for n in range(60):
        cluster.client.set(f"key:{n}", n)
    sizes = [node.client.dbsize() for node in cluster.nodes]
    assert sum(sizes) == 60
    assert all(sizes)
    assert [cluster.client.get(f"key:{n}") for n in range(60)] == [str(n) for n in range(60)]
    owner = cluster.owner("key:7")
    assert owner.client.get("key:7") == "7"
    other = next(node for node in cluster.nodes if node is not owner)
    with pytest.raises(ResponseError, match=owner.name):
        other.client.get("key:7")
    assert cluster.owner("{same}a") is cluster.owner("{same}b")
    with pytest.raises(RedisClusterException, match="must map to the same key slot"):
        cluster.client.execute_command("MGET", "key:1", "key:2", "key:3", "key:4")


def test_a_killed_node_comes_back_with_its_keys(cluster: ValkeyCluster) -> None:
    cluster.client.set("k", "v")
    owner = cluster.owner("k")
    owner.kill()
    assert cluster.state == f"{owner.name} stopped"
    owner.start()
    cluster.settle()
    assert cluster.state == "running"
    assert owner.client.get("k") == "v"
    with cluster.connect(decode_responses=True) as client:
        assert client.get("k") == "v"


def test_closing_leaves_nothing_and_use_after_that_is_clear() -> None:
    before = list(folders.server_folders())
    cluster = valkey_cluster()
    cluster.close()
    cluster.close()
    assert list(folders.server_folders()) == before
    for use in (lambda: cluster.url, lambda: cluster.client, lambda: cluster.nodes):
        with pytest.raises(OnsiteError, match=r"closed; call valkey_cluster\(\) for a new one"):
            use()
