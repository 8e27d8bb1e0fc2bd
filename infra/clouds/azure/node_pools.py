"""CPU pools beside the system pool: one per zone, so that each leaves by its own zone's NAT gateway."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerservice

from infra.clouds.azure.cluster import CONFIDENTIAL_SKU, MAX_PODS, POOL_LABEL, upgrade_settings
from infra.clouds.azure.scope import Scope
from infra.config import CpuPoolSettings

GENERAL_SKU = "Standard_D8ds_v5"
DISK_GB = 128
NAME_LENGTH = 12
"""The longest name of a Linux pool; lower-case letters and digits, a letter first
(learn.microsoft.com/azure/aks/create-node-pools#limitations)."""


@dataclass(frozen=True)
class ZoneShare:
    """One zone's part of a pool.

    Attributes:
        zone: The zone.
        min: Machines at least.
        max: Machines at most.
    """

    zone: str
    min: int
    max: int


def shares(pool: CpuPoolSettings, zones: Sequence[str]) -> tuple[ZoneShare, ...]:
    """A pool's machines, dealt out to zones one by one; zones that would have none are left out."""
    return tuple(
        ZoneShare(zone, least, most)
        for zone, least, most in zip(zones, deal(pool.min, len(zones)), deal(pool.max, len(zones)), strict=True)
        if most
    )


def deal(machines: int, places: int) -> tuple[int, ...]:
    """Deal machines out to places in turn: the first ones have one more."""
    share, rest = divmod(machines, places)
    return tuple(share + (1 if place < rest else 0) for place in range(places))


@dataclass(frozen=True)
class NodePoolsArgs:
    """What CPU pools are made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        cluster: Name of the cluster.
        general: Size of the general pool.
        confidential: Whether machines have encrypted memory.
        node_subnets: Subnets by zone.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    cluster: pulumi.Input[str]
    general: CpuPoolSettings
    confidential: bool
    node_subnets: Mapping[str, pulumi.Output[str]]


class NodePools(pulumi.ComponentResource):
    """The general pool, zone by zone.

    Attributes:
        pools: Its agent pools by name.
    """

    pools: Mapping[str, containerservice.AgentPool]

    def __init__(self, name: str, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:NodePools", name, None, opts)
        sku = args.general.sku or (CONFIDENTIAL_SKU if args.confidential else GENERAL_SKU)
        # In the name, so that another machine is another pool, which is there before the old one goes.
        generation = hashlib.sha256(f"{sku}/{DISK_GB}".encode()).hexdigest()[:5]
        self.pools = {
            f"gen{share.zone}{generation}": self._pool(f"gen{share.zone}{generation}", sku, share, args)
            for share in shares(args.general, tuple(args.node_subnets))
        }
        self.register_outputs({"pools": sorted(self.pools)})

    def _pool(self, name: str, sku: str, share: ZoneShare, args: NodePoolsArgs) -> containerservice.AgentPool:
        aks = containerservice
        return aks.AgentPool(
            f"general-{share.zone}",
            resource_group_name=args.resource_group,
            resource_name_=args.cluster,
            agent_pool_name=name,
            mode=aks.AgentPoolMode.USER,
            type=aks.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
            os_type=aks.OSType.LINUX,
            os_sku=aks.OSSKU.UBUNTU,
            vm_size=sku,
            availability_zones=[share.zone],
            vnet_subnet_id=args.node_subnets[share.zone],
            enable_auto_scaling=True,
            count=share.min,
            min_count=share.min,
            max_count=share.max,
            enable_encryption_at_host=True,
            enable_node_public_ip=False,
            max_pods=MAX_PODS,
            os_disk_size_gb=DISK_GB,
            os_disk_type=aks.OSDiskType.MANAGED,
            node_labels={POOL_LABEL: "general"},
            security_profile=aks.AgentPoolSecurityProfileArgs(
                enable_secure_boot=not args.confidential,
                enable_vtpm=not args.confidential,
                ssh_access=aks.AgentPoolSSHAccess.DISABLED,
            ),
            upgrade_settings=upgrade_settings(),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["count"]),
        )
