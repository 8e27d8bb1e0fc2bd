"""Persistent volumes as folders of this machine, for the default StorageClass ``local-path``.

A claim gets a folder and a volume bound to it; when the claim is gone and its volume released, both are deleted. The
size of a claim is not enforced: the folder can grow as far as the disk goes.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STORAGE_CLASS = "local-path"
PROVISIONER = "modelfleet.dev/local-path"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


@dataclass(frozen=True, slots=True)
class LocalStorage:
    """Makes and deletes volumes below one folder."""

    folder: Path
    node: str

    def volume_for(self, claim: dict[str, Any]) -> dict[str, Any] | None:
        """Return the volume that a claim is waiting for, its folder made; ``None`` if it waits for none of ours.

        Raises:
            OSError: the folder can't be made.
        """
        spec, metadata = claim["spec"], claim["metadata"]
        pending = claim.get("status", {}).get("phase", "Pending") == "Pending" and not spec.get("volumeName")
        if spec.get("storageClassName") != STORAGE_CLASS or not pending or "deletionTimestamp" in metadata:
            return None
        name = f"pvc-{metadata['uid']}"
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)  # the container's user, which nobody knows yet, must be able to write
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {_PROVISIONED_BY: PROVISIONER}},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "volumeMode": "Filesystem",
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": STORAGE_CLASS,
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
                "hostPath": {"path": str(path), "type": "Directory"},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [self.node]}
                                ]
                            }
                        ]
                    }
                },
            },
        }

    def reclaim(self, volume: dict[str, Any]) -> bool:
        """Delete a released volume's folder; return whether the volume itself is now to be deleted.

        Raises:
            OSError: the folder can't be deleted.
        """
        annotations = volume["metadata"].get("annotations") or {}
        ours = annotations.get(_PROVISIONED_BY) == PROVISIONER
        delete = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        released = volume.get("status", {}).get("phase") == "Released"
        if not (ours and delete and released):
            return False
        # The name, not spec.hostPath: what the API says must not be able to delete another folder.
        folder = self.folder / volume["metadata"]["name"]
        if folder.exists():
            shutil.rmtree(folder)
        return True
