"""What the ladder and fast disks need in the cluster: the autoscaler's order, and local NVMe as a storage class.

The autoscaler is AKS's own; its priority expander reads this ConfigMap (learn.microsoft.com/azure/aks/
cluster-autoscaler, and k8s.io/autoscaler/cluster-autoscaler/expander/priority). Local NVMe is what Azure Container
Storage offers: it stripes each volume over all of a node's disks (learn.microsoft.com/azure/storage/
container-storage/use-container-storage-with-local-disk).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import yaml
from pulumi_azure_native import kubernetesconfiguration

from infra.clouds.azure.gpu_daemons import SYSTEM_NAMESPACE
from infra.clouds.azure.gpu_ladder import AgentPoolPlan
from infra.cluster.hardening import labels

FAST_CLASS = "local-nvme"
"""Storage class of the weights' cache: a generic ephemeral volume of it lives as long as its pod."""

_EXPANDER = "cluster-autoscaler-priority-expander"
_FAST_PROVISIONER = "localdisk.csi.acstor.io"
_OTHER_POOLS = 1


def priorities(plans: tuple[AgentPoolPlan, ...]) -> Mapping[int, list[str]]:
    """The expander's list: names of scale sets by priority; what it doesn't name would never be grown.

    AKS calls an agent pool's scale set aks-<pool>-<digits>-vmss.
    """
    listed: dict[int, list[str]] = {_OTHER_POOLS: [".*"]}
    for planned in plans:
        listed.setdefault(planned.priority, []).append(f"^aks-{planned.name}-.*")
    return listed


@dataclass(frozen=True)
class AddonsArgs:
    """What add-ons are made from.

    Attributes:
        resource_group: Name of the resource group.
        cluster: Name of the cluster.
        lifetime: The cluster.
        plans: The GPU agent pools.
        provider: Applies objects to the cluster; None while it can't be reached yet.
    """

    resource_group: pulumi.Input[str]
    cluster: pulumi.Input[str]
    lifetime: pulumi.Resource
    plans: tuple[AgentPoolPlan, ...]
    provider: k8s.Provider | None


class Addons(pulumi.ComponentResource):
    """The autoscaler's order, Azure Container Storage and its class."""

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Addons", name, None, opts)
        fast = any(planned.machine.nvme_gb for planned in args.plans)
        driver = self._container_storage(args) if fast else None
        if args.provider is not None:
            # Gone with the cluster: nothing of these is outside of it.
            inside = pulumi.ResourceOptions(parent=self, provider=args.provider, deleted_with=args.lifetime)
            k8s.core.v1.ConfigMap(
                "autoscaler-priorities",
                metadata=_metadata(_EXPANDER, SYSTEM_NAMESPACE),
                data={"priorities": yaml.safe_dump(dict(priorities(args.plans)))},
                opts=inside,
            )
            if driver is not None:
                k8s.storage.v1.StorageClass(
                    FAST_CLASS,
                    metadata=_metadata(FAST_CLASS),
                    provisioner=_FAST_PROVISIONER,
                    reclaim_policy="Delete",
                    volume_binding_mode="WaitForFirstConsumer",
                    opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[driver])),
                )
        self.register_outputs({})

    def _container_storage(self, args: AddonsArgs) -> kubernetesconfiguration.Extension:
        return kubernetesconfiguration.Extension(
            "container-storage",
            resource_group_name=args.resource_group,
            cluster_rp="Microsoft.ContainerService",
            cluster_resource_name="managedClusters",
            cluster_name=args.cluster,
            extension_name="acstor",
            extension_type="microsoft.azurecontainerstoragev2",
            auto_upgrade_minor_version=True,
            release_train="Stable",
            scope=kubernetesconfiguration.ScopeArgs(
                cluster=kubernetesconfiguration.ScopeClusterArgs(release_namespace=SYSTEM_NAMESPACE)
            ),
            configuration_settings={"enable-azure-container-storage": "true"},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.lifetime),
        )


def _metadata(name: str, namespace: str | None = None) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels(name)))
