"""What every provisioner of persistent volumes says alike: which claims wait, the volume made for one, its end.

Sources: the fields of PersistentVolume and PersistentVolumeClaim in the API reference of Kubernetes (v1), and its
documentation of persistent volumes, "Lifecycle of a volume and claim".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


@dataclass(frozen=True, slots=True)
class BoundVolume:
    """A volume for one claim, which no other claim can have.

    Attributes:
        provisioner: Who makes it, and takes it back.
        storage_class: The class of the claim.
        source: What it is made of, as a volume's spec says it: ``{"hostPath": …}``, ``{"csi": …}``.
        topology: Label and value of the nodes that can mount it.
        reclaim_policy: What becomes of it when its claim is gone: Delete or Retain.
    """

    provisioner: str
    storage_class: str
    source: Mapping[str, Any]
    topology: tuple[str, str]
    reclaim_policy: str = "Delete"

    def manifest(self, claim: Mapping[str, Any]) -> dict[str, Any]:
        """Give the object for a claim that exists."""
        spec, metadata = claim["spec"], claim["metadata"]
        label, value = self.topology
        term = {"matchExpressions": [{"key": label, "operator": "In", "values": [value]}]}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name_for(claim), "annotations": {PROVISIONED_BY: self.provisioner}},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "persistentVolumeReclaimPolicy": self.reclaim_policy,
                "storageClassName": self.storage_class,
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
                **self.source,
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
        }


def name_for(claim: Mapping[str, Any]) -> str:
    """Name the volume of a claim: two claims of one name, one after the other, never share it."""
    return f"pvc-{claim['metadata']['uid']}"


def is_waiting(claim: Mapping[str, Any]) -> bool:
    """Tell whether a claim has no volume yet, nor one that it asks for by name."""
    return (claim.get("status") or {}).get("phase", "Pending") == "Pending" and not claim["spec"].get("volumeName")


def is_over(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume's claim is gone and the volume is to go with it."""
    released = (volume.get("status") or {}).get("phase") == "Released"
    return released and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
