"""The cluster autoscaler: climbs the capacity ladders.

It knows node groups by the tags that EKS puts on their Auto Scaling groups, and their order by the priority expander's
list (github.com/kubernetes/autoscaler, expander/priority): the highest priority that has room is tried, and a group
whose machines don't come within `--max-node-provision-time` is left alone for a while, so that the next rung's turn
comes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.controllers import (
    SYSTEM_NAMESPACE,
    ControllerArgs,
    make_controller,
    make_controller_role,
    metadata,
    rule,
)
from infra.clouds.aws.gpu_pools import NodeGroupPlan
from infra.clouds.aws.images import cluster_autoscaler
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope

NAME = "cluster-autoscaler"
_PRIORITIES = "cluster-autoscaler-priority-expander"
"""The name that the expander looks for."""
_PORT = 8085
_READ = ("get", "list", "watch")


@dataclass(frozen=True)
class AutoscalerArgs:
    """What the autoscaler is made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        lifetime: The cluster.
        kubernetes: Its minor version.
        provider: Applies objects to it; None in the phase before its API can be reached.
        plans: The GPU node groups, in the order of their ladders.
        ready: What has to be there before its pods can run; its role doesn't wait for it.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    lifetime: pulumi.Resource
    kubernetes: str
    provider: k8s.Provider | None
    plans: Sequence[NodeGroupPlan]
    ready: Sequence[pulumi.Resource]


class Autoscaler(pulumi.ComponentResource):
    """Identity, order of the ladders, and the controller.

    Attributes:
        deployment: The controller; None in the phase before the cluster's API can be reached.
    """

    deployment: k8s.apps.v1.Deployment | None

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Autoscaler", name, None, opts)
        role = make_controller_role(
            NAME,
            scope=args.scope,
            cluster=args.cluster,
            lifetime=args.lifetime,
            statements=_permissions(args.scope),
            parent=self,
        )
        self.deployment = None
        if args.provider is not None:
            inside = pulumi.ResourceOptions(
                parent=self, provider=args.provider, deleted_with=args.lifetime, depends_on=[*args.ready, *role.ready]
            )
            k8s.core.v1.ConfigMap(
                "priorities",
                metadata=metadata(_PRIORITIES),
                data={"priorities": priorities(args.plans)},
                opts=inside,
            )
            self.deployment = make_controller(_controller(args), inside)
        self.register_outputs({})


def priorities(plans: Sequence[NodeGroupPlan]) -> str:
    """The priority expander's list: patterns of node groups' names by priority.

    EKS calls a node group's Auto Scaling group `eks-NAME-UUID`. Whatever is in no ladder has the least.
    """
    by_priority: dict[int, list[str]] = {}
    for plan in plans:
        by_priority.setdefault(plan.priority, []).append(f"^eks-{plan.name}-[0-9a-f-]+$")
    return json.dumps({str(priority): by_priority[priority] for priority in sorted(by_priority)} | {"1": [".*"]})


def _permissions(scope: Scope) -> list[Statement]:
    # github.com/kubernetes/autoscaler, cloudprovider/aws: full feature set with auto-discovery.
    return [
        Statement(
            "Look",
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
        ),
        Statement(
            "Scale",
            ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            [scope.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/eks-*")],
            conditions={"StringEquals": {"aws:ResourceTag/eks:cluster-name": scope.name()}},
        ),
        Statement("Templates", ["eks:DescribeNodegroup"], [scope.arn("eks", f"nodegroup/{scope.name()}/*")]),
    ]


def _controller(args: AutoscalerArgs) -> ControllerArgs:
    workloads = ["daemonsets", "replicasets", "statefulsets"]
    volumes = ["csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"]
    return ControllerArgs(
        name=NAME,
        image=cluster_autoscaler(args.kubernetes),
        command=["./cluster-autoscaler"],
        arguments=[
            "--cloud-provider=aws",
            f"--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{args.scope.name()}",
            "--expander=priority,least-waste",
            "--max-node-provision-time=15m",  # a GPU machine starts, pulls its driver's pods and joins in less
            "--initial-node-group-backoff-duration=5m",
            "--balance-similar-node-groups=false",  # rungs look alike and must not be filled evenly
            "--skip-nodes-with-local-storage=false",  # weights on a node's own disks are a cache
            "--skip-nodes-with-system-pods=false",
            "--scale-down-unneeded-time=10m",
            f"--namespace={SYSTEM_NAMESPACE}",
            "--logtostderr=true",
            "--v=2",
        ],
        # Pods can't reach the node's metadata, which the AWS SDK would ask for its Region.
        environment={"AWS_REGION": args.scope.region},
        cluster_rules=[
            rule([""], ["events", "endpoints"], ["create", "patch"]),
            rule([""], ["pods/eviction"], ["create"]),
            rule([""], ["pods/status"], ["update"]),
            rule([""], ["nodes"], [*_READ, "update"]),
            rule(
                [""],
                [
                    "namespaces",
                    "persistentvolumeclaims",
                    "persistentvolumes",
                    "pods",
                    "replicationcontrollers",
                    "services",
                ],
                _READ,
            ),
            rule(["apps"], workloads, _READ),
            rule(["batch"], ["jobs", "cronjobs"], [*_READ, "patch"]),
            rule(["policy"], ["poddisruptionbudgets"], _READ),
            rule(["storage.k8s.io"], volumes, _READ),
            rule(["resource.k8s.io"], ["deviceclasses", "resourceclaims", "resourceslices"], _READ),
            rule(["coordination.k8s.io"], ["leases"], ["create"]),
        ],
        namespace_rules=[
            rule([""], ["configmaps"], ["create", "delete", "get", "list", "update", "watch"]),
            rule(["coordination.k8s.io"], ["leases"], ["create", "get", "update"]),
        ],
        ports={"http": _PORT},
        health=("/health-check", "http"),
        cpu="100m",
        memory="600Mi",
    )
