"""A Valkey cluster of three: `cluster = valkey_cluster()`."""

from __future__ import annotations

import time
from typing import Any

from redis.cluster import RedisCluster

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.handle import Handle
from onsite.services.handles.valkey import PERSISTENCE, Valkey, private

NODES = 3
SLOTS = 16_384
PATIENCE = 20.0


class ValkeyCluster(Handle):
    """Three Valkey servers that share the slots of one key space."""

    service = "Valkey"
    call = "valkey_cluster"

    def __init__(self) -> None:
        """Start the nodes and join them; none is left when that fails."""
        self._nodes: list[Valkey] = []
        self._client: Any = None
        super().__init__()
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        buses: list[int] = []
        password = None
        for _ in range(NODES):
            buses.append(process.free_port())
            options = {
                "cluster-enabled": "yes",
                "cluster-port": str(buses[-1]),
                "cluster-node-timeout": "2000",
            }
            node = private(PERSISTENCE["aof"] | options, password)
            self._nodes.append(node)
            password = node.url.partition("//:")[2].partition("@")[0]
        self.service, self.version = self._nodes[0].service, self._nodes[0].version
        clients: list[Any] = [node.client for node in self._nodes]
        for number, client in enumerate(clients):
            begin, end = (SLOTS * place // NODES for place in (number, number + 1))
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(self._nodes[1:], buses[1:], strict=True):
            host, _, port = node.name.partition(":")
            clients[0].execute_command("CLUSTER", "MEET", host, port, bus)
        self.settle()
        self._client = RedisCluster.from_url(self._nodes[0].url, decode_responses=True)

    def settle(self, seconds: float = PATIENCE) -> None:
        """Wait until every running node says that the cluster works.

        Raises:
            OnsiteError: one does not within `seconds`.
        """
        self._require_open()
        deadline = time.monotonic() + seconds
        for node in self._nodes:
            while node.state == "running":
                said = node.client.cluster("INFO")
                if said["cluster_state"] == "ok" and said["cluster_known_nodes"] == str(NODES):
                    break
                if time.monotonic() > deadline:
                    raise OnsiteError(
                        f"the cluster's node {node.name} is still in state "
                        f"{said['cluster_state']} after {seconds:g} s; is another one stopped?"
                    )
                time.sleep(0.02)

    @property
    def nodes(self) -> tuple[Valkey, ...]:
        """The servers; each is a handle that can be stopped, killed and started."""
        self._require_open()
        return tuple(self._nodes)

    @property
    def client(self) -> Any:
        """A ready `redis.cluster.RedisCluster`; answers are `str`."""
        self._require_open()
        return self._client

    def connect(self, **options: Any) -> Any:
        """Make a client of your own; `options` go to `RedisCluster.from_url`."""
        return RedisCluster.from_url(self.url, **options)

    def owner(self, key: str) -> Valkey:
        """Ask which node has the slot of `key`."""
        found = self.client.get_node_from_key(key)
        return next(node for node in self.nodes if node.name == f"{found.host}:{found.port}")

    @property
    def url(self) -> str:
        """The address of one node, from which clients learn about the others."""
        self._require_open()
        return self._nodes[0].url

    @property
    def state(self) -> str:
        """`running` when all nodes are; otherwise which ones are not, and `closed`."""
        if self._closed:
            return "closed"
        ill = [f"{node.name} {node.state}" for node in self._nodes if node.state != "running"]
        return ", ".join(ill) or "running"

    def _release(self) -> None:
        if self._client is not None:
            self._client.close()
        for node in self._nodes:
            node.close()

    @property
    def _is_own(self) -> bool:
        return False

    def _facts(self) -> tuple[str, ...]:
        return ("cluster of three", *(node.name for node in self._nodes))


def valkey_cluster() -> ValkeyCluster:
    """Give a private Valkey cluster of three nodes, which keep their data when they are killed.

    There is no way to use a cluster of one's own here: its nodes could not be stopped.

    Raises:
        OnsiteError: no server can be found or started.
    """
    return ValkeyCluster()
