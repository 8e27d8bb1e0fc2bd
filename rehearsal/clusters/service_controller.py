"""What a cloud's service controller does: load balancers for Services, and none without them.

A Service keeps a finalizer as long as its load balancer and the interfaces of that are there (kubernetes.io/docs/tasks/
access-application-cluster/create-external-load-balancer#garbage-collecting-load-balancers), so that who waits for its
deletion waits for all of it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.cluster_api import ClusterApi, path_of
from rehearsal.clusters.footprints import address_of, of_service, of_volume
from rehearsal.clusters.managed_cluster import ManagedCluster
from rehearsal.clusters.outside import LINGER_S, Outside
from rehearsal.clusters.view import ClusterView
from toolchain.cluster.reconciler import Reconciler

_FINALIZER: Final = "service.kubernetes.io/load-balancer-cleanup"


class ServiceController:
    """Load balancers and addresses of Services; and all footprints of the cluster, since one table holds them.

    Args:
        api: the API server.
        view: what is there.
        outside: what the account holds for the cluster.
    """

    def __init__(self, api: ClusterApi, view: ClusterView, outside: Outside) -> None:
        self._api, self._view, self._outside = api, view, outside
        self.reconciler = Reconciler("services", self._reconcile)
        view.tell(self.reconciler.changed, ("account", "services", "persistentvolumes"))

    async def _reconcile(self) -> None:
        cluster = self._view.cluster
        if cluster is None or not (self._view.services.listed and self._view.volumes.listed):
            return
        held = [service for service in self._view.services if _is_balanced(service)]
        for service in held:
            await self._hold(service)
        wanted = [each for service in held for each in of_service(cluster, service)]
        wanted += [each for volume in self._view.volumes for each in of_volume(cluster, volume)]
        lingering = await asyncio.to_thread(self._outside.settle, wanted)
        if lingering:
            asyncio.get_running_loop().call_later(LINGER_S, self.reconciler.changed)
        for service in self._view.services:
            if _FINALIZER not in _finalizers(service):
                continue
            if _is_balanced(service):
                await self._publish(service, cluster)
            elif service["metadata"]["uid"] not in lingering:
                await self._let_go(service)

    async def _hold(self, service: Mapping[str, Any]) -> None:
        """Keep a Service from being gone before its load balancer is."""
        if _FINALIZER not in _finalizers(service):
            patch = {"metadata": {"finalizers": [*_finalizers(service), _FINALIZER]}}
            await self._api.merge(path_of("services", service), patch)

    async def _let_go(self, service: Mapping[str, Any]) -> None:
        left = [each for each in _finalizers(service) if each != _FINALIZER]
        await self._api.merge(path_of("services", service), {"metadata": {"finalizers": left}})

    async def _publish(self, service: Mapping[str, Any], cluster: ManagedCluster) -> None:
        """Say where the load balancer is."""
        ingress = [address_of(cluster, service)]
        if ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") != ingress:
            path = f"{path_of('services', service)}/status"
            await self._api.merge(path, {"status": {"loadBalancer": {"ingress": ingress}}})


def _is_balanced(service: Mapping[str, Any]) -> bool:
    return service["spec"].get("type") == "LoadBalancer" and "deletionTimestamp" not in service["metadata"]


def _finalizers(service: Mapping[str, Any]) -> list[str]:
    return service["metadata"].get("finalizers") or []
