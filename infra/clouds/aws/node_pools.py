"""CPU machines: the system pool for what the cluster itself needs, the general pool for gateways and all else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.node_template import NodeTemplateArgs, make_template
from infra.clouds.aws.policy_document import Statement, trust
from infra.clouds.aws.scope import Scope
from infra.config import CpuPoolSettings, CpuPoolsSettings

POOL_LABEL = "modelfleet.io/pool"
SYSTEM_TAINT = "CriticalAddonsOnly"
"""The taint that EKS's own add-ons tolerate."""
_SKUS = {"system": "m7i.large", "general": "m7i.xlarge"}
_DISK_GB = 100


@dataclass(frozen=True)
class NodePoolsArgs:
    """What the CPU pools are made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        security_group: The cluster's security group.
        subnets: Private subnets, one per zone.
        disk_key: Key of the nodes' disks.
        pools: Their sizes.
        ready: What has to be there before a node can join: networking add-ons.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    security_group: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    disk_key: pulumi.Input[str]
    pools: CpuPoolsSettings
    ready: Sequence[pulumi.Resource]


class NodePools(pulumi.ComponentResource):
    """System and general pool, and the role of all nodes.

    Attributes:
        role_arn: Role of every node of the region.
        system: The node group that controllers run on.
        groups: Names of the node groups.
    """

    role_arn: pulumi.Output[str]
    system: aws.eks.NodeGroup
    groups: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:NodePools", name, None, opts)
        self._args = args
        role, self._permissions = self._make_role(args.scope)
        self.role_arn = role.arn
        self.system = self._make_pool("system", args.pools.system, tainted=True)
        general = self._make_pool("general", args.pools.general, tainted=False)
        self.groups = [self.system.node_group_name, general.node_group_name]
        self.register_outputs({"roleArn": self.role_arn})

    def _make_role(self, scope: Scope) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            "node",
            name=scope.name("node"),
            assume_role_policy=trust(
                Statement("Nodes", ["sts:AssumeRole"], principals={"Service": "ec2.amazonaws.com"})
            ),
            permissions_boundary=scope.boundary_arn(),
            opts=own,
        )
        # The CNI's and the drivers' permissions are their own pods' (`identity.py`): a node has the least that lets it
        # join, pull images, and be reached by Session Manager instead of SSH.
        policies = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore")
        return role, [
            aws.iam.RolePolicyAttachment(policy, role=role.name, policy_arn=scope.managed_policy(policy), opts=own)
            for policy in policies
        ]

    def _make_pool(self, name: str, pool: CpuPoolSettings, *, tainted: bool) -> aws.eks.NodeGroup:
        args, own = self._args, pulumi.ResourceOptions(parent=self)
        template = make_template(
            name,
            NodeTemplateArgs(
                scope=args.scope,
                name=name,
                instance_type=pool.sku or _SKUS[name],
                disk_gb=_DISK_GB,
                disk_key=args.disk_key,
                security_groups=[args.security_group],
            ),
            own,
        )
        return aws.eks.NodeGroup(
            name,
            cluster_name=args.cluster,
            node_group_name=name,
            node_role_arn=self.role_arn,
            subnet_ids=list(args.subnets),
            ami_type=ami_type(pool.sku or _SKUS[name]),
            capacity_type="ON_DEMAND",
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=pool.min, max_size=pool.max, desired_size=pool.min
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels={POOL_LABEL: name},
            taints=[aws.eks.NodeGroupTaintArgs(key=SYSTEM_TAINT, value="true", effect="NO_SCHEDULE")]
            if tainted
            else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._permissions, *args.ready],
                ignore_changes=["scalingConfig.desiredSize"],  # the autoscaler's
            ),
        )


def ami_type(sku: str) -> str:
    """EKS's name of the Amazon Linux 2023 image for a CPU machine.

    Graviton machines have a `g` behind the generation's digit, as m7g.large
    (docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html).
    """
    options = sku.split(".", 1)[0].lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789")
    return "AL2023_ARM_64_STANDARD" if options.startswith("g") else "AL2023_x86_64_STANDARD"
