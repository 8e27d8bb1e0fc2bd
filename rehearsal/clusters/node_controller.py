"""Keeps a cluster's nodes equal to what its node pools ask for, and alive."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.cluster_api import ClusterApi, path_of
from rehearsal.clusters.nodes import LEASE_S, LEASES, POOL_LABEL, lease_of, node_of
from rehearsal.clusters.pools import NodePool
from rehearsal.clusters.view import ClusterView
from toolchain.cluster.reconciler import Reconciler
from toolchain.cluster.spec import GPU_RESOURCE

_NODES: Final = "/api/v1/nodes"
_LEASES: Final = f"/apis/coordination.k8s.io/v1/namespaces/{LEASES}/leases"
_DRAIN_S: Final = 0.5
"""How often what a disruption budget keeps is asked to go again."""
_DEVICE_PLUGINS: Final[Mapping[str, str]] = {"k8s-device-plugin": GPU_RESOURCE}
"""What the image of a device plugin is called, and which resource of its node the plugin offers."""


class NodeController:
    """Makes nodes for pools, offers their GPUs, drains those whose pool is gone.

    Args:
        api: the API server.
        view: what is there.
        region: where the cluster is.
    """

    def __init__(self, api: ClusterApi, view: ClusterView, region: str) -> None:
        self._api, self._view, self.region = api, view, region
        self._seen: set[str] = set()
        self.reconciler = Reconciler("nodes", self._reconcile)
        view.tell(self.reconciler.changed, ("account", "nodes", "pods"))

    async def grow(self, pool: NodePool, number: int) -> None:
        """Add a machine to a pool.

        Args:
            pool: the pool.
            number: how many it has.
        """
        node = node_of(pool, self.region, number, secrets.token_hex(4))
        await self._api.create(_NODES, node)
        await self._api.create(_LEASES, lease_of(node["metadata"]["name"]))

    def of_pool(self, pool: str) -> list[dict[str, Any]]:
        """Give the nodes of a pool, those that are on their way out left out."""
        return [
            node
            for node in self._view.nodes
            if node["metadata"].get("labels", {}).get(POOL_LABEL) == pool
            and "deletionTimestamp" not in node["metadata"]
        ]

    async def keep_alive(self) -> None:
        """Renew every node's lease for ever."""
        while True:
            for node in self._view.nodes:
                name = node["metadata"]["name"]
                await self._api.merge(f"{_LEASES}/{name}", {"spec": lease_of(name)["spec"]})
            await asyncio.sleep(LEASE_S / 4)

    async def _reconcile(self) -> None:
        if not (self._view.nodes.listed and self._view.pods.listed and self._view.cluster is not None):
            return
        pools = {pool.name: pool for pool in self._view.pools}
        for pool in pools.values():
            await self._fill(pool)
        for node in self._view.nodes:
            pool = pools.get(node["metadata"].get("labels", {}).get(POOL_LABEL, ""))
            if pool is None:
                await self._drain(node)
            else:
                await self._offer(node, pool)

    async def _fill(self, pool: NodePool) -> None:
        """Give a pool its least machines; one that is new what it is made with."""
        there = len(self.of_pool(pool.name))
        wanted = pool.least
        if pool.name not in self._seen and not there:
            wanted = max(pool.least, min(pool.first, pool.most))
        self._seen.add(pool.name)
        for number in range(there, wanted):
            await self.grow(pool, number)

    async def _offer(self, node: Mapping[str, Any], pool: NodePool) -> None:
        """Offer a node's GPUs once a device plugin runs on it."""
        if not pool.size.gpus or GPU_RESOURCE in node["status"].get("capacity", {}):
            return
        if any(_offers(pod, GPU_RESOURCE) for pod in self._pods_of(node)):
            amount = {GPU_RESOURCE: str(pool.size.gpus)}
            status = {"status": {"capacity": amount, "allocatable": amount}}
            await self._api.merge(f"{path_of('nodes', node)}/status", status)

    async def _drain(self, node: Mapping[str, Any]) -> None:
        """Move a node's pods elsewhere within their disruption budgets, then let it go."""
        path = path_of("nodes", node)
        if not node["spec"].get("unschedulable"):
            await self._api.merge(path, {"spec": {"unschedulable": True}})
        kept = False
        for pod in self._pods_of(node):
            metadata = pod["metadata"]
            if _is_daemon(pod):
                continue
            kept = True
            if "deletionTimestamp" not in metadata:
                await self._api.evict(metadata["namespace"], metadata["name"])
        if kept:
            asyncio.get_running_loop().call_later(_DRAIN_S, self.reconciler.changed)
            return
        for pod in self._pods_of(node):
            await self._api.delete(path_of("pods", pod), uid=pod["metadata"]["uid"], grace_s=0)
        await self._api.delete(path, uid=node["metadata"]["uid"])

    def _pods_of(self, node: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [pod for pod in self._view.pods if pod["spec"].get("nodeName") == node["metadata"]["name"]]


def _offers(pod: Mapping[str, Any], resource: str) -> bool:
    if (pod.get("status") or {}).get("phase") != "Running":
        return False
    images = [container["image"] for container in pod["spec"]["containers"]]
    return any(offered == resource and name in image for name, offered in _DEVICE_PLUGINS.items() for image in images)


def _is_daemon(pod: Mapping[str, Any]) -> bool:
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences") or ())
