"""GPU machines: the agent pools of each pool's capacity ladder, and what places machines close to each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import compute, containerservice

from infra.clouds.azure.cluster import MAX_PODS, POOL_LABEL, upgrade_settings
from infra.clouds.azure.gpu_ladder import AgentPoolPlan
from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.roles import grant
from infra.clouds.azure.scope import Scope
from infra.config import Rung
from infra.marks import of_tenant

ROLE_LABEL = "modelfleet.io/role"
SERVING_ROLE = "model-serving"
RUNG_LABEL = "modelfleet.io/rung"
GENERATION_LABEL = "modelfleet.io/generation"
TENANT_LABEL = "modelfleet.io/tenant"
INFINIBAND_LABEL = "modelfleet.io/infiniband"
NVME_LABEL = "modelfleet.io/nvme"
GPU_TAINT = "nvidia.com/gpu"
TENANT_TAINT = "modelfleet.io/tenant"
SPOT_TAINT = "kubernetes.azure.com/scalesetpriority"
"""AKS puts it on spot nodes by itself, as a label and as a taint; written down, an update finds nothing to change
(learn.microsoft.com/azure/aks/spot-node-pool)."""

NO_PRICE_CAP = -1.0
"""Up to the on-demand price: a machine is never lost for its price."""


@dataclass(frozen=True)
class GpuPoolsArgs:
    """What GPU pools are made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        cluster: Name of the cluster.
        cluster_identity: Object id of the control plane's identity, which places machines.
        node_subnets: Subnets by zone.
        plans: The agent pools.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    cluster: pulumi.Input[str]
    cluster_identity: pulumi.Input[str]
    node_subnets: Mapping[str, pulumi.Output[str]]
    plans: tuple[AgentPoolPlan, ...]


class GpuPools(pulumi.ComponentResource):
    """An agent pool per rung, or per slice of one.

    Attributes:
        plans: What was made, in the order of the ladder.
        pools: The agent pools by their name in the stack.
    """

    plans: tuple[AgentPoolPlan, ...]
    pools: Mapping[str, containerservice.AgentPool]

    def __init__(self, name: str, args: GpuPoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:GpuPools", name, None, opts)
        self._args, self.plans = args, args.plans
        made: dict[str, containerservice.AgentPool] = {}
        for planned in args.plans:
            made[planned.label] = self._pool(planned, made)
        self.pools = made
        self.register_outputs({"pools": {label: pool.name for label, pool in made.items()}})

    def _pool(
        self, planned: AgentPoolPlan, made: Mapping[str, containerservice.AgentPool]
    ) -> containerservice.AgentPool:
        args, pool, aks = self._args, planned.pool, containerservice
        spot = planned.rung is Rung.SPOT
        return aks.AgentPool(
            planned.label,
            resource_group_name=args.resource_group,
            resource_name_=args.cluster,
            agent_pool_name=planned.name,
            mode=aks.AgentPoolMode.USER,
            type=aks.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
            os_type=aks.OSType.LINUX,
            os_sku=aks.OSSKU.UBUNTU,
            vm_size=pool.sku,
            availability_zones=list(planned.zones),
            vnet_subnet_id=args.node_subnets[planned.zones[0]],
            enable_auto_scaling=True,
            count=0,
            min_count=0,
            max_count=planned.max,
            scale_down_mode=aks.ScaleDownMode.DELETE,
            scale_set_priority=aks.ScaleSetPriority.SPOT if spot else aks.ScaleSetPriority.REGULAR,
            scale_set_eviction_policy=aks.ScaleSetEvictionPolicy.DELETE if spot else None,
            spot_max_price=NO_PRICE_CAP if spot else None,
            capacity_reservation_group_id=pool.reservation if planned.rung is Rung.RESERVATION else None,
            proximity_placement_group_id=self._placement(planned) if pool.group_size > 1 else None,
            # The driver comes with the node image that a snapshot pins
            # (learn.microsoft.com/azure/aks/use-nvidia-gpu, and node-pool-snapshot).
            gpu_profile=aks.GPUProfileArgs(driver=aks.GPUDriver.INSTALL),
            creation_data=aks.CreationDataArgs(source_resource_id=pool.image) if pool.image else None,
            enable_encryption_at_host=True,
            enable_node_public_ip=False,
            max_pods=MAX_PODS,
            os_disk_size_gb=pool.disk_gb,
            os_disk_type=aks.OSDiskType.MANAGED,
            node_labels=labels_of(planned),
            node_taints=taints_of(planned),
            tags=of_tenant(pool.tenant) or None,
            # No secure boot: NVIDIA's driver is built on the node, by no key that its firmware knows.
            security_profile=aks.AgentPoolSecurityProfileArgs(
                enable_secure_boot=False, ssh_access=aks.AgentPoolSSHAccess.DISABLED
            ),
            upgrade_settings=None
            if spot
            else upgrade_settings(unavailable="1" if planned.rolling else None, surge="1"),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["count"],
                delete_before_replace=planned.rolling,
                depends_on=[] if planned.after is None else [made[planned.after]],
            ),
        )

    def _placement(self, planned: AgentPoolPlan) -> pulumi.Output[str]:
        """A proximity placement group: one zone, and machines of this size only."""
        group = compute.ProximityPlacementGroup(
            f"{planned.label}-placement",
            resource_group_name=self._args.resource_group,
            # With the generation: a new pool's machines are not bound to where the old ones are.
            proximity_placement_group_name=self._args.scope.name(f"{planned.name}-placement"),
            proximity_placement_group_type=compute.ProximityPlacementGroupType.STANDARD,
            intent=compute.ProximityPlacementGroupPropertiesIntentArgs(vm_sizes=[planned.pool.sku]),
            zones=list(planned.zones),
            opts=pulumi.ResourceOptions(parent=self),
        )
        allowed = grant(
            f"{planned.label}-placement-use",
            scope=self._args.scope,
            role=OwnRole.PLACE_MACHINES,
            principal_id=self._args.cluster_identity,
            on=group.id,
            parent=self,
        )
        # Whoever places machines by it waits until they may be placed.
        return pulumi.Output.all(group.id, allowed.id).apply(lambda made: made[0])


def labels_of(planned: AgentPoolPlan) -> dict[str, pulumi.Input[str]]:
    """Labels of an agent pool's nodes."""
    pool = planned.pool
    labels: dict[str, pulumi.Input[str]] = {
        POOL_LABEL: pool.name,
        RUNG_LABEL: planned.rung.value,
        GENERATION_LABEL: pool.generation,
    }
    if pool.tenant is None:
        labels[ROLE_LABEL] = SERVING_ROLE
    else:
        labels[TENANT_LABEL] = pool.tenant
    if planned.infiniband:
        labels[INFINIBAND_LABEL] = "true"
    if planned.machine.nvme_gb:
        labels[NVME_LABEL] = "true"
    if planned.rung is Rung.SPOT:
        labels[SPOT_TAINT] = "spot"
    return labels


def taints_of(planned: AgentPoolPlan) -> list[pulumi.Input[str]]:
    """Taints of an agent pool's nodes: nothing comes here that wasn't meant to."""
    taints: list[pulumi.Input[str]] = [f"{GPU_TAINT}=present:NoSchedule"]
    if planned.pool.tenant is not None:
        taints.append(f"{TENANT_TAINT}={planned.pool.tenant}:NoSchedule")
    if planned.rung is Rung.SPOT:
        taints.append(f"{SPOT_TAINT}=spot:NoSchedule")
    return taints
