"""Persistent volumes as folders of this machine, for the default StorageClass ``local-path``.

A claim gets a folder and a volume bound to it; when the claim is gone and its volume released, both are deleted. The
size of a claim is not enforced: the folder can grow as far as the disk goes.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.cluster.bound_volume import PROVISIONED_BY, BoundVolume, is_over, is_waiting, name_for

STORAGE_CLASS = "local-path"
PROVISIONER = "modelfleet.dev/local-path"
_HOST = "kubernetes.io/hostname"


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
        of_ours = claim["spec"].get("storageClassName") == STORAGE_CLASS
        if not of_ours or not is_waiting(claim) or "deletionTimestamp" in claim["metadata"]:
            return None
        path = self.folder / name_for(claim)
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)  # the container's user, which nobody knows yet, must be able to write
        source = {"hostPath": {"path": str(path), "type": "Directory"}}
        return BoundVolume(PROVISIONER, STORAGE_CLASS, source, (_HOST, self.node)).manifest(claim)

    def reclaim(self, volume: dict[str, Any]) -> bool:
        """Delete a released volume's folder; return whether the volume itself is now to be deleted.

        Raises:
            OSError: the folder can't be deleted.
        """
        annotations = volume["metadata"].get("annotations") or {}
        if annotations.get(PROVISIONED_BY) != PROVISIONER or not is_over(volume):
            return False
        # The name, not spec.hostPath: what the API says must not be able to delete another folder.
        folder = self.folder / volume["metadata"]["name"]
        if folder.exists():
            shutil.rmtree(folder)
        return True
