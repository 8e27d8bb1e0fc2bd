"""The autoscaler of a cluster: asks its node pools for machines that pods wait for, and says why there are none."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rehearsal.clusters.autoscaler import Refused, decide, is_unschedulable
from rehearsal.clusters.cluster_api import ClusterApi
from rehearsal.clusters.ladder import EXPANDER, EXPANDER_NAMESPACE, autoscaler_runs, by_compute_class, by_expander
from rehearsal.clusters.managed_cluster import EKS, GKE
from rehearsal.clusters.node_controller import NodeController
from rehearsal.clusters.nodes import timestamp
from rehearsal.clusters.pools import NodePool
from rehearsal.clusters.stock import Stock, refusal
from rehearsal.clusters.view import ClusterView
from toolchain.cluster.reconciler import Reconciler

_JOIN_S: Final = 30.0
"""How long a pod waits for its machine before it is answered again: a node joins, its device plugin starts, the
scheduler looks again. The cluster autoscaler's `--max-node-provision-time`, in small."""
_AGAIN_S: Final = 1.0
"""How long until refused pods are tried again: minutes in a cloud."""
_CLASSES: Final = "/apis/cloud.google.com/v1/computeclasses"
_EXPANDER: Final = f"/api/v1/namespaces/{EXPANDER_NAMESPACE}/configmaps/{EXPANDER}"


class ScalingController:
    """Climbs the ladders.

    Args:
        api: the API server.
        view: what is there.
        nodes: what makes machines.
        world: the rehearsal's folder, where the scenario states what is in stock.
    """

    def __init__(self, api: ClusterApi, view: ClusterView, nodes: NodeController, world: Path) -> None:
        self._api, self._view, self._nodes, self._world = api, view, nodes, world
        self._answered: dict[str, float] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self.reconciler = Reconciler("autoscaler", self._reconcile)
        view.tell(self.reconciler.changed, ("account", "pods", "nodes"))

    async def _reconcile(self) -> None:
        cluster = self._view.cluster
        if cluster is None or not (self._view.pods.listed and self._view.nodes.listed):
            return
        now = time.monotonic()
        waiting = [pod for pod in self._view.pods if is_unschedulable(pod)]
        self._answered = {
            uid: answered
            for uid in (pod["metadata"]["uid"] for pod in waiting)
            if (answered := self._answered.get(uid, 0.0)) > now - _JOIN_S
        }
        if waiting:
            asyncio.get_running_loop().call_later(_AGAIN_S, self.reconciler.changed)
        pending = [pod for pod in waiting if pod["metadata"]["uid"] not in self._answered]
        if not pending or (cluster.resource.type == EKS and not autoscaler_runs(list(self._view.pods))):
            return
        counts = {pool.name: len(self._nodes.of_pool(pool.name)) for pool in self._view.pools}
        order = await self._order(cluster.resource.type)
        growths, refused = decide(pending, order, counts, self._out_of(cluster.cloud, counts))
        for growth in growths:
            await self._nodes.grow(growth.pool, counts[growth.pool.name])
            counts[growth.pool.name] += 1
            self._answered |= dict.fromkeys(growth.pods, now)
        for each in refused:
            await self._tell(each)

    async def _order(self, cluster_type: str) -> Any:
        """Give what orders a pod's pools."""
        pools = self._view.pools
        if cluster_type != GKE:
            ranked = by_expander(pools, await self._api.get(_EXPANDER))
            return lambda _: ranked
        classes: Sequence[Mapping[str, Any]] = ((await self._api.get(_CLASSES)) or {}).get("items") or ()
        return lambda pod: by_compute_class(pools, pod, classes)

    def _out_of(self, cloud: str, counts: Mapping[str, int]) -> Any:
        stock, region = Stock.read(self._world), self._nodes.region

        def out_of(pool: NodePool, number: int) -> str:
            others = sum(
                counts[each.name]
                for each in self._view.pools
                if (each.sku, each.rung) == (pool.sku, pool.rung) and each.name != pool.name
            )
            left = stock.left(pool.sku, pool.rung, others + number - 1)
            return refusal(cloud, pool.sku, region) if left == 0 else ""

        return out_of

    async def _tell(self, refused: Refused) -> None:
        """Say on the pod why no pool grew, as the cluster autoscaler does; once for each reason."""
        metadata = refused.pod["metadata"]
        if self._told.get(metadata["uid"]) == refused.reasons:
            return
        self._told[metadata["uid"]] = refused.reasons
        why = "; ".join(refused.reasons) or "no node pool has nodes that it could run on"
        now = timestamp()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "type": "Warning",
            "reason": "FailedScaleUp",
            "message": f"pod didn't trigger scale-up: {why}",
            "source": {"component": "cluster-autoscaler"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
        }
        await self._api.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event)
