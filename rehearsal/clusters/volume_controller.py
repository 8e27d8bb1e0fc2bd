"""What a cloud's CSI driver does: a volume for each claim of its classes, and none for a claim that is gone."""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.cluster_api import ClusterApi, path_of
from rehearsal.clusters.footprints import disk_id
from rehearsal.clusters.view import ClusterView
from toolchain.cluster.bound_volume import BoundVolume, is_over, is_waiting
from toolchain.cluster.reconciler import Reconciler

_CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"
_VOLUMES: Final = "/api/v1/persistentvolumes"
_CHOSEN_NODE: Final = "volume.kubernetes.io/selected-node"
_ZONE: Final = "topology.kubernetes.io/zone"


class VolumeController:
    """Makes volumes for claims.

    Args:
        api: the API server.
        view: what is there.
    """

    def __init__(self, api: ClusterApi, view: ClusterView) -> None:
        self._api, self._view = api, view
        self.reconciler = Reconciler("volumes", self._reconcile)
        view.tell(self.reconciler.changed, ("persistentvolumeclaims", "persistentvolumes", "nodes"))

    async def _reconcile(self) -> None:
        if self._view.cluster is None or not (self._view.claims.listed and self._view.volumes.listed):
            return
        for claim in self._view.claims:
            if is_waiting(claim):
                await self._provide(claim)
        for volume in self._view.volumes:
            if is_over(volume):
                await self._api.delete(path_of("persistentvolumes", volume), uid=volume["metadata"]["uid"])

    async def _provide(self, claim: Mapping[str, Any]) -> None:
        cluster, name = self._view.cluster, claim["spec"].get("storageClassName")
        found = await self._api.get(f"{_CLASSES}/{name}") if name else None
        node = (claim["metadata"].get("annotations") or {}).get(_CHOSEN_NODE)
        if found is None or cluster is None or (found.get("volumeBindingMode") == "WaitForFirstConsumer" and not node):
            return
        zone = self._zone_of(node)
        disk = disk_id(cluster, found["provisioner"], claim, zone)
        if disk is None:
            return
        volume = BoundVolume(
            provisioner=found["provisioner"],
            storage_class=name,
            source={"csi": {"driver": found["provisioner"], "volumeHandle": disk}},
            topology=(_ZONE, zone),
            reclaim_policy=found.get("reclaimPolicy", "Delete"),
        )
        await self._api.create(_VOLUMES, volume.manifest(claim))

    def _zone_of(self, node: str | None) -> str:
        """Give the zone of the node that a claim's pod was given to; any node's where it needn't be a certain one."""
        zones = {each["metadata"]["name"]: each["metadata"]["labels"].get(_ZONE, "") for each in self._view.nodes}
        return zones.get(node or "", next(iter(zones.values()), ""))
