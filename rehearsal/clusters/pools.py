"""The node pools of a managed cluster, as its account holds them, in words that all clouds share.

One reader a cloud; what each label and taint is called there is the cloud's own documentation's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rehearsal.account import Resource, holdings
from rehearsal.clusters.machines import MachineSize, machine_size
from rehearsal.clusters.managed_cluster import AKS, EKS, GKE, ManagedCluster
from rehearsal.template import look_up

_NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"
_LAUNCH_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
_SUBNET: Final = "aws:ec2/subnet:Subnet"
_AGENT_POOL: Final = "azure-native:containerservice:AgentPool"
_NODE_POOL: Final = "gcp:container/nodePool:NodePool"
_EFFECTS: Final = {
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}
"""EKS's and GKE's words for a taint's effect, and Kubernetes'."""

RESERVATION: Final = "reservation"
ON_DEMAND: Final = "on-demand"
FLEX_START: Final = "flex-start"
SPOT: Final = "spot"


@dataclass(frozen=True)
class Taint:
    """What keeps pods off a node unless they tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class NodePool:
    """Machines of one kind in a cluster.

    Attributes:
        name: what the cloud calls it in the cluster.
        group: what a cluster autoscaler knows it by: name of an Auto Scaling group, of a scale set, of a node pool.
        sku: the machine.
        size: what the machine has.
        rung: how machines are bought: reservation, on-demand, flex-start or spot.
        labels: of its nodes, the cloud's own among them.
        taints: of its nodes.
        zones: where its machines may be.
        least: machines that the cloud keeps.
        first: machines that it is made with.
        most: machines at most.
        scales: whether an autoscaler may change their number.
        offers_gpus: whether the cloud's own device plugin offers the GPUs; else a DaemonSet of the cluster must.
    """

    name: str
    group: str
    sku: str
    size: MachineSize
    rung: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    zones: tuple[str, ...]
    least: int
    first: int
    most: int
    scales: bool = True
    offers_gpus: bool = False


@dataclass(frozen=True)
class _Account:
    """What the cluster's account holds, by type."""

    cluster: ManagedCluster
    by_type: Mapping[str, Sequence[Resource]] = field(default_factory=dict)

    @classmethod
    def read(cls, memory: Path, cluster: ManagedCluster) -> "_Account":
        by_type: dict[str, list[Resource]] = {}
        for cloud, account, each in holdings(memory):
            if (cloud, account) == (cluster.cloud, cluster.account) and each.afterlife is None:
                by_type.setdefault(each.type, []).append(each)
        return cls(cluster, by_type)

    def of_type(self, kind: str) -> Sequence[Resource]:
        return [each for each in self.by_type.get(kind, ()) if each.region == self.cluster.resource.region]


def node_pools(memory: Path, cluster: ManagedCluster) -> list[NodePool]:
    """Read a cluster's node pools.

    Args:
        memory: the rehearsal's accounts.
        cluster: the cluster.

    Raises:
        UnknownSizeError: nobody knows what one's machines have.
    """
    return list(_READERS[cluster.resource.type](_Account.read(memory, cluster)))


def _eks(account: _Account) -> Iterator[NodePool]:
    cluster = account.cluster.resource
    templates = {each.id: each for each in account.of_type(_LAUNCH_TEMPLATE)}
    zones = {each.id: str(each.outputs.get("availabilityZone")) for each in account.of_type(_SUBNET)}
    for group in account.of_type(_NODE_GROUP):
        if group.inputs["clusterName"] != cluster.id:
            continue
        template = templates.get(str(look_up(group.inputs, "launchTemplate.id") or ""))
        sku = _first(group.inputs.get("instanceTypes")) or str(template and template.inputs.get("instanceType"))
        name = str(group.inputs["nodeGroupName"])
        capacity = str(group.inputs.get("capacityType", "ON_DEMAND"))
        scaling = group.inputs["scalingConfig"]
        yield NodePool(
            name=name,
            group=str(look_up(group.outputs, "resources.0.autoscalingGroups.0.name")),
            sku=sku,
            size=machine_size("aws", sku),
            rung=_eks_rung(capacity, template),
            labels={
                **(group.inputs.get("labels") or {}),
                # docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
                "eks.amazonaws.com/nodegroup": name,
                "eks.amazonaws.com/capacityType": capacity,
            },
            taints=_taints(group.inputs.get("taints")),
            zones=tuple(sorted({zones[subnet] for subnet in group.inputs["subnetIds"] if subnet in zones})),
            least=int(scaling["minSize"]),
            first=int(scaling["desiredSize"]),
            most=int(scaling["maxSize"]),
        )


def _eks_rung(capacity: str, template: Resource | None) -> str:
    if capacity == "SPOT":
        return SPOT
    reserved = template is not None and look_up(
        template.inputs, "capacityReservationSpecification.capacityReservationTarget"
    )
    return RESERVATION if capacity == "CAPACITY_BLOCK" or reserved else ON_DEMAND


def _aks(account: _Account) -> Iterator[NodePool]:
    cluster = account.cluster.resource
    for profile in cluster.inputs.get("agentPoolProfiles") or ():
        yield _agent_pool(str(profile["name"]), profile, cluster)
    below = f"{cluster.id}/agentPools/".lower()
    for pool in account.of_type(_AGENT_POOL):
        if pool.id.lower().startswith(below):
            yield _agent_pool(str(pool.inputs["agentPoolName"]), pool.inputs, cluster)


def _agent_pool(name: str, profile: Mapping[str, Any], cluster: Resource) -> NodePool:
    spot = profile.get("scaleSetPriority") == "Spot"
    region = str(cluster.inputs.get("location") or cluster.outputs.get("location") or "")
    zones = tuple(f"{region}-{zone}" for zone in profile.get("availabilityZones") or ())
    scales, count = bool(profile.get("enableAutoScaling")), int(profile.get("count") or 0)
    return NodePool(
        name=name,
        group=f"aks-{name}-00000000-vmss",
        sku=str(profile["vmSize"]),
        size=machine_size("azure", str(profile["vmSize"])),
        rung=SPOT if spot else RESERVATION if profile.get("capacityReservationGroupID") else ON_DEMAND,
        labels={
            **(profile.get("nodeLabels") or {}),
            # learn.microsoft.com/azure/aks/use-labels, and spot-node-pool
            "kubernetes.azure.com/agentpool": name,
            "kubernetes.azure.com/mode": str(profile.get("mode", "User")).lower(),
            **({"kubernetes.azure.com/scalesetpriority": "spot"} if spot else {}),
        },
        taints=tuple(_written_taint(text) for text in profile.get("nodeTaints") or ()),
        zones=zones or (region,),
        least=int(profile.get("minCount") or 0) if scales else count,
        first=count,
        most=int(profile.get("maxCount") or 0) if scales else count,
        scales=scales,
    )


def _gke(account: _Account) -> Iterator[NodePool]:
    cluster = account.cluster.resource
    for pool in account.of_type(_NODE_POOL):
        if str(pool.inputs["cluster"]) not in {cluster.id, str(cluster.inputs.get("name"))}:
            continue
        config, name = pool.inputs["nodeConfig"], str(pool.inputs["name"])
        zones = tuple(pool.inputs.get("nodeLocations") or cluster.inputs.get("nodeLocations") or ())
        scaling = pool.inputs.get("autoscaling") or {}
        first = int(pool.inputs.get("initialNodeCount") or 0) * len(zones)  # for each zone
        accelerator = _first(config.get("guestAccelerators")) or {}
        driver = look_up(accelerator, "gpuDriverInstallationConfig.gpuDriverVersion")
        yield NodePool(
            name=name,
            group=name,
            sku=str(config["machineType"]),
            size=machine_size("gcp", str(config["machineType"])),
            rung=_gke_rung(config),
            labels={
                **(config.get("labels") or {}),
                # cloud.google.com/kubernetes-engine/docs/how-to/creating-managing-labels, and how-to/gpus
                "cloud.google.com/gke-nodepool": name,
                **({"cloud.google.com/gke-accelerator": str(accelerator["type"])} if accelerator else {}),
                **({"cloud.google.com/gke-spot": "true"} if config.get("spot") else {}),
            },
            taints=_taints(config.get("taints")),
            zones=zones,
            least=int(scaling.get("totalMinNodeCount") or 0) if scaling else first,
            first=first,
            most=int(scaling.get("totalMaxNodeCount") or 0) if scaling else first,
            scales=bool(scaling),
            offers_gpus=driver not in {None, "INSTALLATION_DISABLED"},
        )


def _gke_rung(config: Mapping[str, Any]) -> str:
    if config.get("spot"):
        return SPOT
    if config.get("flexStart"):
        return FLEX_START
    reserved = look_up(config, "reservationAffinity.consumeReservationType") == "SPECIFIC_RESERVATION"
    return RESERVATION if reserved else ON_DEMAND


_READERS: Final[Mapping[str, Callable[[_Account], Iterator[NodePool]]]] = {EKS: _eks, AKS: _aks, GKE: _gke}


def _taints(given: Sequence[Mapping[str, str]] | None) -> tuple[Taint, ...]:
    return tuple(Taint(each["key"], each.get("value", ""), _EFFECTS[each["effect"]]) for each in given or ())


def _written_taint(text: str) -> Taint:
    """Read `key=value:Effect`."""
    place, _, effect = text.rpartition(":")
    key, _, value = place.partition("=")
    return Taint(key, value, effect)


def _first(values: Any) -> Any:
    return values[0] if values else None
