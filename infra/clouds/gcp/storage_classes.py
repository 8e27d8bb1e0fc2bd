"""StorageClasses: Hyperdisk volumes under the region's disk key, for what claims ask for.

GKE's own classes encrypt with Google's keys; these are the ones to name. Hyperdisk ML gives one volume of weights to
many nodes at once (cloud.google.com/kubernetes-engine/docs/how-to/persistent-volumes/hyperdisk-ml).
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

_PROVISIONER = "pd.csi.storage.gke.io"
_CLASSES = {"modelfleet-data": "hyperdisk-balanced", "modelfleet-weights": "hyperdisk-ml"}


@dataclass(frozen=True)
class StorageClassesArgs:
    """What the classes are made of.

    Attributes:
        key: Id of the key of disks.
        labels: Cloud labels of volumes.
        inside: Options of objects in the cluster.
    """

    key: pulumi.Input[str]
    labels: dict[str, str]
    inside: pulumi.ResourceOptions


class StorageClasses(pulumi.ComponentResource):
    """A StorageClass for data and one for weights."""

    names: tuple[str, ...]

    def __init__(self, name: str, args: StorageClassesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:StorageClasses", name, None, opts)
        labels = ",".join(f"{key}={value}" for key, value in sorted(args.labels.items()))
        for class_name, disk_type in _CLASSES.items():
            k8s.storage.v1.StorageClass(
                class_name,
                metadata=k8s.meta.v1.ObjectMetaArgs(name=class_name),
                provisioner=_PROVISIONER,
                parameters={"type": disk_type, "disk-encryption-kms-key": args.key, "labels": labels},
                # A volume is made where its pod was scheduled.
                volume_binding_mode="WaitForFirstConsumer",
                reclaim_policy="Delete",
                allow_volume_expansion=True,
                opts=pulumi.ResourceOptions.merge(args.inside, pulumi.ResourceOptions(parent=self)),
            )
        self.names = tuple(_CLASSES)
        self.register_outputs({"names": list(self.names)})
