"""The class of persistent volumes: encrypted with the region's key, in the zone of the pod that asks."""

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.controllers import metadata


def make_volume_class(disk_key: pulumi.Input[str], opts: pulumi.ResourceOptions) -> k8s.storage.v1.StorageClass:
    """The default class; EKS makes none with a key of ours."""
    default = metadata("encrypted", None)
    default.annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    return k8s.storage.v1.StorageClass(
        "encrypted",
        metadata=default,
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": disk_key},
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        reclaim_policy="Delete",
        opts=opts,
    )
