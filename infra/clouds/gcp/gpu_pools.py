"""GPU machines: for each entry of the stack file a ladder of node pools, one per rung, climbed by the autoscaler.

A ComputeClass gives the order: the autoscaler asks the first pool for a machine, and the next one when the cloud has
none (cloud.google.com/kubernetes-engine/docs/concepts/about-custom-compute-classes). Pods name the class, never a pool.
Lower rungs start from nothing; the minimum is on the first. With best-effort provisioning its pool comes
up although the cloud is out of machines for it, so that a stock-out is the autoscaler's business and no failed update.

Two alternatives were left. Pools that the ComputeClass makes itself (auto-creation) have names, disks and keys that
neither a preview nor a policy sees. A cluster-autoscaler with a priority expander is not to be had on GKE.

A pool's name ends in its generation, so that a change which needs new machines makes a new pool beside the old one;
that one goes last, its pods evicted within their disruption budgets (`surge`). With `rolling` only another machine
type, reservation or group does so: those draw on other machines. Disk, node image and driver GKE changes in the pool,
node by node with one away at a time, since where machines are reserved there is no second set of them.
"""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.gpu_networks import GpuNetworks
from infra.clouds.gcp.machines import Fabric, GpuMachine, gpu_machine
from infra.clouds.gcp.node_pools import (
    METADATA,
    OAUTH_SCOPE,
    POOL_LABEL,
    NodeTemplate,
    closed_kubelet,
    gke_metadata,
    shielded,
)
from infra.clouds.gcp.scope import Scope, shortened
from infra.config import GpuPoolSettings, Replacement, Rung
from infra.marks import of_tenant

CLASS_KEY = "cloud.google.com/compute-class"
GPU_TAINT = "nvidia.com/gpu"
TENANT_TAINT = "modelfleet.dev/tenant"
RUNG_LABEL = "modelfleet.dev/rung"
DRIVER_LABEL = "modelfleet.dev/nvidia-driver"
_POOL_NAME_LIMIT = 40
"""Of a node pool's name (cloud.google.com/kubernetes-engine/docs/how-to/node-pools)."""
_FLEX_START_RUN = "604800s"
"""Seven days, the most that a flex-start machine lives (cloud.google.com/kubernetes-engine/docs/concepts/dws)."""
_PODS_PER_NODE = 32
_PLACED = (Rung.RESERVATION, Rung.ON_DEMAND)
"""Rungs whose machines can be placed together: flex-start and spot give them where they are
(cloud.google.com/kubernetes-engine/docs/how-to/compact-placement#limitations)."""
_SUFFIX = {Rung.RESERVATION: "res", Rung.ON_DEMAND: "od", Rung.FLEX_START: "flex", Rung.SPOT: "spot"}


@dataclass(frozen=True)
class GpuPoolsArgs:
    """What the pools are made of.

    Attributes:
        pools: The stack file's `gpuPools`.
        cluster: Id of the cluster.
        zones: Zones of the network, for pools that name none.
        template: What all nodes share.
        networks: The GPUs' own networks.
        confidential: Whether local disks are encrypted with keys that live as long as the machine.
    """

    pools: tuple[GpuPoolSettings, ...]
    cluster: pulumi.Input[str]
    zones: tuple[str, ...]
    template: NodeTemplate
    networks: GpuNetworks
    confidential: bool


@dataclass(frozen=True)
class Ladder:
    """One entry's pools in the order in which they are tried.

    Attributes:
        settings: The entry.
        machine: Its machine.
        rungs: Names of its pools by rung, the surest first.
    """

    settings: GpuPoolSettings
    machine: GpuMachine
    rungs: Mapping[Rung, pulumi.Output[str]]


class GpuPools(pulumi.ComponentResource):
    """Every ladder's node pools and placement policies."""

    ladders: tuple[Ladder, ...]
    resources: tuple[gcp.container.NodePool, ...]

    def __init__(self, name: str, scope: Scope, args: GpuPoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:GpuPools", name, None, opts)
        self._scope, self._args = scope, args
        ladders: list[Ladder] = []
        resources: list[gcp.container.NodePool] = []
        for settings in args.pools:
            machine = gpu_machine(settings.sku)
            placement = self._placement(settings, machine)
            pools = {
                rung: self._pool(settings, machine, rung, placement if rung in _PLACED else None)
                for rung in settings.rungs
            }
            resources.extend(pools.values())
            ladders.append(Ladder(settings, machine, {rung: pool.name for rung, pool in pools.items()}))
        self.ladders, self.resources = tuple(ladders), tuple(resources)
        self.register_outputs({"pools": [pool.name for pool in resources]})

    def _placement(self, settings: GpuPoolSettings, machine: GpuMachine) -> gcp.compute.ResourcePolicy | None:
        """Machines of one group next to each other; RDMA machines are placed by their own profile."""
        if settings.group_size == 1 or machine.fabric is Fabric.RDMA:
            return None
        name = shortened(f"{self._scope.name(settings.name)}-{_generation(settings)}", 63)
        return gcp.compute.ResourcePolicy(
            f"{settings.name}-placement",
            name=name,
            region=self._scope.region,
            description=f"Machines of {settings.name}, close together",
            group_placement_policy=gcp.compute.ResourcePolicyGroupPlacementPolicyArgs(collocation="COLLOCATED"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _pool(
        self,
        settings: GpuPoolSettings,
        machine: GpuMachine,
        rung: Rung,
        placement: gcp.compute.ResourcePolicy | None,
    ) -> gcp.container.NodePool:
        args, container = self._args, gcp.container
        first = rung is settings.rungs[0]
        flex = rung is Rung.FLEX_START
        rolling = settings.replacement is Replacement.ROLLING
        end = f"{_SUFFIX[rung]}-{_generation(settings)}"
        name = f"{shortened(settings.name, _POOL_NAME_LIMIT - len(end) - 1)}-{end}"
        return container.NodePool(
            f"{settings.name}-{rung}",
            name=name,
            cluster=args.cluster,
            location=self._scope.region,
            node_locations=sorted(settings.zones or args.zones),
            version=settings.image,
            initial_node_count=0,
            max_pods_per_node=_PODS_PER_NODE,
            autoscaling=container.NodePoolAutoscalingArgs(
                total_min_node_count=settings.min if first else 0,
                total_max_node_count=settings.max,
                # Machines where there are any, unless they are to be spread.
                location_policy="BALANCED" if rung is Rung.ON_DEMAND and settings.group_size == 1 else "ANY",
            ),
            best_effort_provisioning=container.NodePoolBestEffortProvisioningArgs(enabled=True, min_provision_nodes=0)
            if first
            else None,
            management=container.NodePoolManagementArgs(
                # Flex-start machines are given once and can't be repaired
                # (cloud.google.com/kubernetes-engine/docs/how-to/dws-flex-start-inference).
                auto_repair=not flex,
                auto_upgrade=True,
            ),
            upgrade_settings=_upgrade(flex=flex, rolling=rolling),
            node_drain_configs=[container.NodePoolNodeDrainConfigArgs(respect_pdb_during_node_pool_deletion=True)],
            placement_policy=container.NodePoolPlacementPolicyArgs(type="COMPACT", policy_name=placement.name)
            if placement
            else None,
            network_config=self._network_config(settings, machine),
            node_config=self._node_config(settings, machine, rung),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["initialNodeCount", "nodeCount"]),
        )

    def _network_config(
        self, settings: GpuPoolSettings, machine: GpuMachine
    ) -> gcp.container.NodePoolNetworkConfigArgs:
        container = gcp.container
        together = settings.group_size > 1
        networks = self._args.networks.of(machine.fabric) if together else ()
        return container.NodePoolNetworkConfigArgs(
            enable_private_nodes=True,
            # GKE makes the eight RDMA networks of such a machine, and keeps them
            # (cloud.google.com/kubernetes-engine/docs/how-to/allocate-network-resources-dra).
            accelerator_network_profile="auto" if together and machine.fabric is Fabric.RDMA else None,
            additional_node_network_configs=[
                container.NodePoolNetworkConfigAdditionalNodeNetworkConfigArgs(
                    network=network.network, subnetwork=network.subnet
                )
                for network in networks
            ]
            or None,
        )

    def _node_config(
        self, settings: GpuPoolSettings, machine: GpuMachine, rung: Rung
    ) -> gcp.container.NodePoolNodeConfigArgs:
        container, template = gcp.container, self._args.template
        together = settings.group_size > 1
        flex = rung is Rung.FLEX_START
        return container.NodePoolNodeConfigArgs(
            machine_type=settings.sku,
            image_type="COS_CONTAINERD",
            disk_type=machine.disk_type,
            disk_size_gb=settings.disk_gb,
            boot_disk_kms_key=template.disks_key,
            service_account=template.account,
            oauth_scopes=[OAUTH_SCOPE],
            labels=_node_labels(settings, rung),
            resource_labels={**template.labels, **of_tenant(settings.tenant)},
            tags=[template.tag],
            taints=_taints(settings),
            metadata=METADATA,
            shielded_instance_config=shielded(),
            workload_metadata_config=gke_metadata(),
            kubelet_config=closed_kubelet(),
            gvnic=container.NodePoolNodeConfigGvnicArgs(enabled=True),
            guest_accelerators=[
                container.NodePoolNodeConfigGuestAcceleratorArgs(
                    type=machine.accelerator,
                    count=machine.gpus,
                    gpu_driver_installation_config=container.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
                        # GKE offers two per node version; a named branch is the newer one, and the version pins both
                        # (cloud.google.com/kubernetes-engine/docs/how-to/gpus#installing_drivers).
                        gpu_driver_version="LATEST" if settings.driver else "DEFAULT"
                    ),
                )
            ],
            # All local SSDs as one RAID 0, which pods see as their ephemeral storage: the weights' cache
            # (cloud.google.com/kubernetes-engine/docs/concepts/local-ssd).
            ephemeral_storage_local_ssd_config=container.NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs(
                local_ssd_count=machine.local_ssds
            ),
            # A key that is gone with the machine, instead of one that Google keeps.
            local_ssd_encryption_mode="EPHEMERAL_KEY_ENCRYPTION" if self._args.confidential else "STANDARD_ENCRYPTION",
            gpudirect_strategy="RDMA" if together and machine.fabric is Fabric.RDMA else None,
            spot=rung is Rung.SPOT,
            flex_start=True if flex else None,
            max_run_duration=_FLEX_START_RUN if flex else None,
            reservation_affinity=_affinity(settings, rung),
        )


def compute_class(settings: GpuPoolSettings) -> str:
    """Name of the ComputeClass that pods of an entry ask for."""
    return settings.name


def _generation(settings: GpuPoolSettings) -> str:
    """Five hex digits that change when a change needs a new pool."""
    if settings.replacement is Replacement.SURGE:
        return settings.generation
    other_machines = (settings.sku, settings.reservation or "", str(settings.group_size))
    return hashlib.sha256("/".join(other_machines).encode()).hexdigest()[:5]


def _node_labels(settings: GpuPoolSettings, rung: Rung) -> dict[str, str]:
    labels = {CLASS_KEY: compute_class(settings), POOL_LABEL: settings.name, RUNG_LABEL: str(rung)}
    if settings.driver:
        labels[DRIVER_LABEL] = str(settings.driver)
    if settings.tenant:
        labels[TENANT_TAINT] = settings.tenant
    return labels


def _taints(settings: GpuPoolSettings) -> list[gcp.container.NodePoolNodeConfigTaintArgs]:
    """Keep off who doesn't ask for the class, who wants no GPU, and other tenants."""
    taints = {CLASS_KEY: compute_class(settings), GPU_TAINT: "present"}
    if settings.tenant:
        taints[TENANT_TAINT] = settings.tenant
    return [
        gcp.container.NodePoolNodeConfigTaintArgs(key=key, value=value, effect="NO_SCHEDULE")
        for key, value in taints.items()
    ]


def _affinity(settings: GpuPoolSettings, rung: Rung) -> gcp.container.NodePoolNodeConfigReservationAffinityArgs:
    affinity = gcp.container.NodePoolNodeConfigReservationAffinityArgs
    if rung is Rung.RESERVATION and settings.reservation:
        return affinity(
            consume_reservation_type="SPECIFIC_RESERVATION",
            key="compute.googleapis.com/reservation-name",
            values=[settings.reservation],
        )
    # What others reserved in this project isn't ours to use up.
    return affinity(consume_reservation_type="NO_RESERVATION")


def _upgrade(*, flex: bool, rolling: bool) -> gcp.container.NodePoolUpgradeSettingsArgs:
    upgrade = gcp.container.NodePoolUpgradeSettingsArgs
    if flex:
        return upgrade(strategy="SHORT_LIVED")
    if rolling:
        return upgrade(strategy="SURGE", max_surge=0, max_unavailable=1)
    return upgrade(strategy="SURGE", max_surge=1, max_unavailable=0)


def fabrics(pools: tuple[GpuPoolSettings, ...]) -> frozenset[Fabric]:
    """What joins the machines of those entries that serve one model over many machines."""
    grouped = itertools.filterfalse(lambda pool: pool.group_size == 1, pools)
    return frozenset(gpu_machine(pool.sku).fabric for pool in grouped)
