"""GPU machines: managed node groups, one per rung of each pool's capacity ladder.

**Why node groups and the cluster autoscaler, not Karpenter.** Both meet what is asked. Karpenter needs its
controller, three custom resource definitions, an event queue and its rules, and what it makes is outside of Pulumi's
state: a preview can't show it and a destroy must wait for it to let go. Node groups are one resource a rung, which
EKS repairs, drains and rolls, and the autoscaler's priority expander is a list of names (`autoscaler.py`). Karpenter's
gain, choosing among hundreds of machine types, is none where a model is measured on one.

**How the ladder is climbed.** Every rung starts at zero machines, so that creating a pool never fails for want of
capacity. What needs machines is a pod that waits for one: model servers, and `capacity.py`'s placeholders for the
pool's minimum. The autoscaler takes the first rung of the list that has room, and when the cloud refuses, the next.

**How a pool is replaced.** `surge`: whatever needs other machines is part of the node groups' names (`generation`),
so that the engine makes the new ones, waits for the placeholders on them, and deletes the old ones last; EKS drains
them. `rolling`: the name stays and the launch template changes in place; EKS ends a machine before it starts the next
(`MINIMAL`, docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupUpdateConfig.html), which is what a reservation
without spare machines needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

import catalog
from catalog import InterconnectKind, Machine
from infra.clouds.aws.node_pools import POOL_LABEL
from infra.clouds.aws.node_template import NodeTemplateArgs, make_template
from infra.clouds.aws.scope import Scope
from infra.config import GpuPoolSettings, Replacement, Rung

ROLE_LABEL = "modelfleet.io/role"
SERVING_ROLE = "model-serving"
RUNG_LABEL = "modelfleet.io/rung"
GENERATION_LABEL = "modelfleet.io/generation"
TENANT_LABEL = "modelfleet.io/tenant"
EFA_LABEL = "modelfleet.io/efa"
GPU_TAINT = "nvidia.com/gpu"
TENANT_TAINT = "modelfleet.io/tenant"
CAPACITY_BLOCK_PREFIX = "block:"
"""Before the id of a reservation that is a Capacity Block for ML: EKS must be told, and the ids look the same."""


@dataclass(frozen=True)
class NodeGroupPlan:
    """One rung of one pool, before anything is made: what the tests and the autoscaler's list are read from.

    Attributes:
        name: Of the node group.
        pool: The pool.
        machine: Its machine, from the catalogue.
        rung: The rung.
        priority: Of the rung; the autoscaler tries higher ones first.
        generation: Of the pool's machines; changes when `surge` needs others.
    """

    name: str
    pool: GpuPoolSettings
    machine: Machine
    rung: Rung
    priority: int
    generation: str

    @property
    def capacity_block(self) -> bool:
        """Whether the rung is a Capacity Block for ML."""
        return self.rung is Rung.RESERVATION and (self.pool.reservation or "").startswith(CAPACITY_BLOCK_PREFIX)

    @property
    def reservation(self) -> str | None:
        """Id or group ARN of the reservation that the rung launches into."""
        if self.rung is not Rung.RESERVATION or self.pool.reservation is None:
            return None
        return self.pool.reservation.removeprefix(CAPACITY_BLOCK_PREFIX)

    @property
    def capacity_type(self) -> str:
        """EKS's word for how machines are bought."""
        if self.capacity_block:
            return "CAPACITY_BLOCK"
        return "SPOT" if self.rung is Rung.SPOT else "ON_DEMAND"

    @property
    def network_cards(self) -> int:
        """EFA interfaces of each machine; none where machines don't work together.

        Raises:
            ValueError: the machine has no EFA, but the pool wants groups of machines.
        """
        if self.pool.group_size == 1:
            return 0
        interconnect = self.machine.interconnect
        if interconnect.kind is not InterconnectKind.EFA or not interconnect.interfaces:
            msg = (
                f"gpuPools: {self.pool.name}: groupSize {self.pool.group_size} needs EFA between machines, which "
                f"{self.pool.sku} does not have: use groupSize 1, or a machine whose interconnect is efa "
                "(`fleet catalog list --cloud aws`)"
            )
            raise ValueError(msg)
        return interconnect.interfaces


def plan(pools: Sequence[GpuPoolSettings]) -> tuple[NodeGroupPlan, ...]:
    """The node groups of all pools: each pool's rungs in their order, from priority 10 times their number down."""
    plans = []
    for pool in pools:
        generation = "" if pool.replacement is Replacement.ROLLING else pool.generation
        for position, rung in enumerate(pool.rungs):
            name = "-".join(filter(None, (pool.name, rung.value, generation)))
            priority = 10 * (len(pool.rungs) - position)
            machine = catalog.machine("aws", pool.sku)
            plans.append(NodeGroupPlan(name, pool, machine, rung, priority, generation or pool.name))
    return tuple(plans)


@dataclass(frozen=True)
class GpuPoolsArgs:
    """What the GPU pools are made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        security_group: The cluster's security group.
        vpc_id: The region's VPC.
        zones: Names of the zones of `subnets`.
        subnets: Private subnets, one per zone.
        disk_key: Key of the nodes' disks.
        role_arn: Role of the nodes.
        pools: The pools.
        ready: What has to be there before a node can join.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    security_group: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    zones: pulumi.Output[list[str]]
    subnets: Sequence[pulumi.Output[str]]
    disk_key: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    pools: Sequence[GpuPoolSettings]
    ready: Sequence[pulumi.Resource]


class GpuPools(pulumi.ComponentResource):
    """A node group per rung.

    Attributes:
        plans: What was made, in the order of the ladder.
        groups: The node groups by name.
    """

    plans: tuple[NodeGroupPlan, ...]
    groups: dict[str, aws.eks.NodeGroup]

    def __init__(self, name: str, args: GpuPoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:GpuPools", name, None, opts)
        self._args = args
        self.plans = plan(args.pools)
        wide = any(planned.network_cards for planned in self.plans)
        self._efa_group = self._make_efa_group() if wide else None
        self.groups = {planned.name: self._make_group(planned) for planned in self.plans}
        self.register_outputs({"nodeGroups": [group.arn for group in self.groups.values()]})

    def _make_efa_group(self) -> pulumi.Output[str]:
        """EFA's traffic bypasses the kernel and needs rules from and to the group itself.

        docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html, step 1.
        """
        own = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            "efa",
            name=self._args.scope.name("efa"),
            description="EFA between machines of one group",
            vpc_id=self._args.vpc_id,
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            "efa",
            security_group_id=group.id,
            description="All from this group",
            ip_protocol="-1",
            referenced_security_group_id=group.id,
            opts=own,
        )
        aws.vpc.SecurityGroupEgressRule(
            "efa",
            security_group_id=group.id,
            description="All to this group",
            ip_protocol="-1",
            referenced_security_group_id=group.id,
            opts=own,
        )
        return group.id

    def _make_group(self, planned: NodeGroupPlan) -> aws.eks.NodeGroup:
        args, pool, own = self._args, planned.pool, pulumi.ResourceOptions(parent=self)
        placement = None
        if pool.group_size > 1:
            placement = aws.ec2.PlacementGroup(
                planned.name, name=args.scope.name(planned.name), strategy="cluster", opts=own
            )
        template = make_template(
            planned.name,
            NodeTemplateArgs(
                scope=args.scope,
                name=planned.name,
                instance_type=pool.sku,
                disk_gb=pool.disk_gb,
                disk_key=args.disk_key,
                security_groups=[args.security_group, *([] if self._efa_group is None else [self._efa_group])],
                network_cards=planned.network_cards,
                placement_group=None if placement is None else placement.name,
                reservation=planned.reservation,
                capacity_block=planned.capacity_block,
                tenant=pool.tenant,
            ),
            own,
        )
        rolling = pool.replacement is Replacement.ROLLING
        return aws.eks.NodeGroup(
            planned.name,
            cluster_name=args.cluster,
            node_group_name=planned.name,
            node_role_arn=args.role_arn,
            subnet_ids=self._subnets(pool),
            ami_type=f"AL2023_{'ARM_64' if planned.machine.arch == 'arm64' else 'x86_64'}_NVIDIA",
            release_version=pool.image,
            capacity_type=planned.capacity_type,
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=0, max_size=pool.max, desired_size=0),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(
                max_unavailable=1, update_strategy="MINIMAL" if rolling else "DEFAULT"
            ),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=_labels(planned),
            taints=_taints(pool),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(args.ready), ignore_changes=["scalingConfig.desiredSize"]
            ),
        )

    def _subnets(self, pool: GpuPoolSettings) -> pulumi.Output[list[str]]:
        """The pool's subnets: all, those of its zones, or one where machines must be close to each other."""

        def chosen(zones: list[str], subnets: list[str]) -> list[str]:
            by_zone = dict(zip(zones, subnets, strict=True))
            strangers = [zone for zone in pool.zones if zone not in by_zone]
            if strangers:
                msg = (
                    f"gpuPools: {pool.name}: zones: {', '.join(strangers)} is none of this network's: "
                    f"use {', '.join(by_zone)}"
                )
                raise ValueError(msg)
            own = [by_zone[zone] for zone in pool.zones] or subnets
            return own[:1] if pool.group_size > 1 else own  # a cluster placement group lies in one zone

        return pulumi.Output.all(zones=self._args.zones, subnets=pulumi.Output.all(*self._args.subnets)).apply(
            lambda known: chosen(known["zones"], known["subnets"])
        )


def _labels(planned: NodeGroupPlan) -> dict[str, pulumi.Input[str]]:
    pool = planned.pool
    labels: dict[str, pulumi.Input[str]] = {
        POOL_LABEL: pool.name,
        RUNG_LABEL: planned.rung.value,
        GENERATION_LABEL: planned.generation,
    }
    if pool.tenant is None:
        labels[ROLE_LABEL] = SERVING_ROLE
    else:
        labels[TENANT_LABEL] = pool.tenant
    if planned.network_cards:
        labels[EFA_LABEL] = "true"
    return labels


def _taints(pool: GpuPoolSettings) -> list[aws.eks.NodeGroupTaintArgs]:
    taints = [aws.eks.NodeGroupTaintArgs(key=GPU_TAINT, value="present", effect="NO_SCHEDULE")]
    if pool.tenant is not None:
        taints.append(aws.eks.NodeGroupTaintArgs(key=TENANT_TAINT, value=pool.tenant, effect="NO_SCHEDULE"))
    return taints
