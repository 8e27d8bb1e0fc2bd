"""What the kubelets of simulated nodes do with pods: start them at once, and let go of those that are to end."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.cluster_api import ClusterApi, path_of
from rehearsal.clusters.nodes import POOL_LABEL
from rehearsal.clusters.pods import needs_start, started
from rehearsal.clusters.view import ClusterView
from toolchain.cluster.reconciler import Reconciler
from toolchain.cluster.spec import POD_CIDR

_OWN: Final = 2
"""The first addresses of the network are no pod's."""


class PodController:
    """Reports pods of simulated nodes as running, and removes those that are to go.

    Args:
        api: the API server.
        view: what is there.
    """

    def __init__(self, api: ClusterApi, view: ClusterView) -> None:
        self._api, self._view = api, view
        self.reconciler = Reconciler("pods", self._reconcile)
        view.tell(self.reconciler.changed, ("pods", "nodes"))

    async def _reconcile(self) -> None:
        if not (self._view.nodes.listed and self._view.pods.listed):
            return
        simulated = {
            node["metadata"]["name"] for node in self._view.nodes if POOL_LABEL in node["metadata"].get("labels", {})
        }
        taken = {(pod.get("status") or {}).get("podIP") for pod in self._view.pods}
        for pod in self._view.pods:
            if pod["spec"].get("nodeName") not in simulated:
                continue
            path, metadata = path_of("pods", pod), pod["metadata"]
            if "deletionTimestamp" in metadata:
                await self._api.delete(path, uid=metadata["uid"], grace_s=0)
            elif needs_start(pod):
                address = _free_address(pod, taken)
                taken.add(address)
                await self._api.merge(f"{path}/status", {"status": started(pod, address)}, strategic=True)


def _free_address(pod: Mapping[str, Any], taken: set[Any]) -> str:
    """Draw an address of the pods' network from a pod's uid; the next one where it is taken."""
    size = POD_CIDR.num_addresses - 2 * _OWN
    start = int(str(pod["metadata"]["uid"]).replace("-", ""), 16)
    candidates = (str(ipaddress.IPv4Address(POD_CIDR[_OWN + (start + step) % size])) for step in range(size))
    return next(address for address in candidates if address not in taken)
